"""New versions of the program: what a package is, and whether it may come in."""
