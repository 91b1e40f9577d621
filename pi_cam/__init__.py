"""A connected camera that a person owns: capture, encode once, deliver, talk."""

__version__ = "0.1.0"
