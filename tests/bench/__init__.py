"""Measurements: `make bench` prints and writes them; tests hold the figures that were promised."""
