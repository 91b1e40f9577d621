"""Why something failed, as the end of a sentence."""

from __future__ import annotations


def cause_of(error: Exception) -> str:
    """In the words of the system, without its number and without a full stop."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(said.split()).rstrip(".") or type(error).__name__
