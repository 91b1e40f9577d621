"""Tests that build an image once more."""
