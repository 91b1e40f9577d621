"""Lines of CSV that a spreadsheet takes for text and nothing else."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

_FORMULA: tuple[str, ...] = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\N{FULLWIDTH EQUALS SIGN}",
    "\N{FULLWIDTH PLUS SIGN}",
    "\N{FULLWIDTH HYPHEN-MINUS}",
    "\N{FULLWIDTH COMMERCIAL AT}",
)
"""With these a spreadsheet begins a formula (OWASP, CSV Injection)."""


def harmless(text: str) -> str:
    """The same text, behind an apostrophe where it would be a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def line(fields: Iterable[object]) -> str:
    """RFC 4180, every field quoted, with its end of line."""
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerow(fields)
    return written.getvalue()
