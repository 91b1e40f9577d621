"""What a `camera:` address says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from pi_cam.errors import AddressRefused

SLOWEST_BITRATE = 50_000
FASTEST_BITRATE = 25_000_000
"""The hardware encoder of a Pi 4 takes no more at its H.264 level."""

_PARTS = frozenset({"id", "size", "fps", "bitrate", "small"})


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """`id`: libcamera's, empty for the first camera (its number would change with the wiring). Sizes in pixels; bits per
    second. `small`: size of the second rendition, or None."""

    id: str
    size: tuple[int, int]
    fps: int
    bitrate: int
    small: tuple[int, int] | None


def parse_address(url: str) -> CameraAddress:
    """Reads `camera:?id=…&size=1280x720&fps=30&bitrate=2000000&small=320x240`, every part optional.

    Raises `AddressRefused`, naming the part that makes no sense.
    """
    query = url.partition(":")[2]
    given = dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True))
    unknown = sorted(given.keys() - _PARTS)
    if unknown or (query and not query.startswith("?")):
        raise AddressRefused(
            f"A camera: address knows id, size, fps, bitrate and small, not {(unknown or [query])[0]!r}."
        )
    size = _size(given.get("size", "1280x720"))
    small = _size(given["small"]) if "small" in given else None
    if small and (small[0] > size[0] or small[1] > size[1]):
        raise AddressRefused("The small picture cannot be larger than the main one.")
    bitrate = _number(given, "bitrate", 2_000_000, SLOWEST_BITRATE, FASTEST_BITRATE)
    return CameraAddress(given.get("id", ""), size, _number(given, "fps", 30, 1, 120), bitrate, small)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if _is_number(width) and _is_number(height):
        size = int(width), int(height)
        if all(64 <= side <= 4096 and side % 2 == 0 for side in size):
            return size
    raise AddressRefused(f"A picture size looks like 1280x720, in even numbers, and not like {text[:20]!r}.")


def _number(given: Mapping[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = given.get(name, str(usual))
    if _is_number(text) and least <= int(text) <= most:
        return int(text)
    raise AddressRefused(f"{name} is a number from {least} to {most}, not {text[:20]!r}.")


def _is_number(text: str) -> bool:
    """Plain digits: `int` alone would also take signs, spaces, underlines and the digits of other scripts."""
    return text.isascii() and text.isdecimal() and len(text) <= 10
