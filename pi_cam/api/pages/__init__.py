"""The pages that people see. What they look like stands in `web.ui`."""
