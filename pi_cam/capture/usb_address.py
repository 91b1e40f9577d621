"""What a `usb:` address says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from pi_cam.errors import AddressRefused, SourceUnreachable

FORMATS = ("h264", "mjpeg", "raw")
"""What a camera may send, best first: the first is passed through, the others are encoded here."""

BY_ID = Path("/dev/v4l/by-id")
CLASS = Path("/sys/class/video4linux")

_NUMBERED = re.compile(r"/dev/video\d{1,3}", re.ASCII)
_NAMED = re.compile(r"/dev/v4l/by-(?:id|path)/([^/]+)")
_NAME = re.compile(r"(?!\.)[a-zA-Z0-9#+.:=@_\\\x80-\U0010ffff-]+")
"""The letters that udev leaves in a name (`udev_replace_chars` of systemd): what a maker wrote besides becomes `_`."""

_NAME_BYTES = 255
"""Of a file (NAME_MAX)."""

_SIZE = re.compile(r"([1-9]\d{1,3})x([1-9]\d{1,3})", re.ASCII)
_PARTS = ("size", "fps", "format")
_PATH_OF = "Write a USB camera's address as usb: alone, or with its device, such as usb:/dev/video0."


@dataclass(frozen=True, slots=True)
class UsbAddress:
    """`device`: its path, None for the first USB camera; `format`: one of `FORMATS`, None for the best that it has."""

    device: str | None
    size: tuple[int, int]
    fps: int
    format: str | None


def parse_address(url: str) -> UsbAddress:
    """Reads `usb:/dev/v4l/by-id/…?size=1280x720&fps=30&format=mjpeg`, every part optional. Raises `AddressRefused`."""
    scheme, _, rest = url.partition(":")
    path, _, query = rest.partition("?")
    device = unquote(path)
    if scheme.lower() != "usb" or (device and not _is_device(device)):
        raise AddressRefused(_PATH_OF)
    given = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(given.keys() - set(_PARTS)):
        raise AddressRefused(f"A usb: address knows size, fps and format, not {unknown[0][:20]!r}.")
    wanted = given.get("format")
    if wanted is not None and wanted not in FORMATS:
        raise AddressRefused(f"The format of a USB camera is h264, mjpeg or raw, not {wanted[:20]!r}.")
    return UsbAddress(device or None, _size(given.get("size", "1280x720")), _fps(given.get("fps", "30")), wanted)


def _is_device(path: str) -> bool:
    named = _NAMED.fullmatch(path)
    return _may_be_written(named[1]) if named else _NUMBERED.fullmatch(path) is not None


def _may_be_written(name: str) -> bool:
    """Whether an address may hold it: nothing of it is invisible, and it is in no other folder."""
    return _NAME.fullmatch(name) is not None and name.isprintable() and len(os.fsencode(name)) <= _NAME_BYTES


def _size(text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise AddressRefused(f"A picture size looks like 1280x720, and not like {text[:20]!r}.")
    return int(found[1]), int(found[2])


def _fps(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= 3 and 1 <= int(text) <= 120:
        return int(text)
    raise AddressRefused(f"fps is a number from 1 to 120, not {text[:20]!r}.")


def device_of(address: UsbAddress) -> str:
    """The path to open. Raises `SourceUnreachable` where no USB camera is plugged in."""
    if address.device is not None:
        return address.device
    for device in found_devices():
        return device
    raise SourceUnreachable("There is no USB camera: plug one in.")


def title_of(device: str) -> str:
    """What people call it: its maker's name for it, where the path tells."""
    found = re.fullmatch(r"usb-(.+?)(?:_[0-9A-F]{6,16})?-video-index0", Path(device).name, re.ASCII)
    return found[1].replace("_", " ") if found else device


def found_devices(by_id: Path = BY_ID, devices: Path = CLASS) -> Iterable[str]:
    """Those that are plugged in, under names that stay when others come and go, where the machine gives such names.

    A camera shows several devices; pictures come from the one whose index is 0. What is not on a USB bus (the hardware
    codecs of a Raspberry Pi) is left out.
    """
    named = sorted(by_id.glob("*-video-index0")) if by_id.is_dir() else []
    yield from filter(None, map(_addressed, named))
    if named or not devices.is_dir():
        return
    for one in sorted(devices.glob("video*"), key=lambda path: (len(path.name), path.name)):
        if "/usb" in str(one.resolve()) and _index(one) == "0":
            yield f"/dev/{one.name}"


def _addressed(named: Path) -> str | None:
    """By its name; where no address may hold that, by its number, which is better than not at all."""
    if _may_be_written(named.name):
        return str(named)
    numbered = os.path.realpath(named)
    return numbered if _NUMBERED.fullmatch(numbered) else None


def _index(device: Path) -> str | None:
    """None, too, for one that is unplugged just now."""
    try:
        return (device / "index").read_text("ascii").strip()
    except OSError:
        return None
