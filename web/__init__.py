"""The web side: what the browser gets (`ui`), and the hosted portal."""
