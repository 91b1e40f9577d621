"""The machine itself: what it has, and whether it works."""
