"""Codecs and containers: pure functions on bytes, no input or output."""
