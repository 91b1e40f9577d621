"""QR codes (ISO/IEC 18004)."""

from __future__ import annotations

import io
from urllib.parse import quote

import segno


def picture(text: str) -> str:
    """SVG, dark on light with its quiet zone, so that a phone reads it on a dark page, too."""
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn, kind="svg", scale=4, border=4, dark="#000", light="#fff", xmldecl=False, svgclass=None, lineclass=None
    )
    return drawn.getvalue().decode()


def data_address(text: str | None) -> str | None:
    """The picture as an address for an image; None for nothing."""
    return f"data:image/svg+xml,{quote(picture(text))}" if text else None
