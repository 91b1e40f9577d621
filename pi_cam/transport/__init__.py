"""How pictures leave: one file per kind of transport."""
