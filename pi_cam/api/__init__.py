"""The HTTP side: one blueprint per noun. Routes are closed unless they say otherwise."""
