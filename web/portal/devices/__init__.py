"""Cameras' devices: how one comes to an account, what it says, and how people get to it."""
