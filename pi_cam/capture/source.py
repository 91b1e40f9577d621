"""The protocol of a picture source, and the table of those that exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from pi_cam.capture import addresses, usb_address
from pi_cam.errors import AddressRefused, PiCamError, SourceError
from pi_cam.media.units import AccessUnit, AudioPacket

Emit = Callable[[AccessUnit | AudioPacket], None]
"""Takes an access unit, or sound that belongs to the pictures, from any thread; returns at once and never raises."""

EmitPicture = Callable[[AccessUnit], None]
"""The same, where there is no sound."""

Report = Callable[[SourceError | None], None]
"""Takes what is wrong now, or None when pictures flow again; from any thread, returns at once, never raises."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a source can do. `askable`: a keyframe request is honoured within a few pictures. `adjustable`: so is
    `set_bitrate`, and `bitrate` is what it was set up for, in bits a second, if that is known. `transcoded`: the camera's
    own stream is not H.264 that a browser can show, so it is encoded here. `sends`, `sound`: what the camera itself sends,
    by FFmpeg's names of the codecs, once known."""

    askable: bool = False
    adjustable: bool = False
    bitrate: int | None = None
    transcoded: bool = False
    sends: str | None = None
    sound: str | None = None


@dataclass(frozen=True, slots=True)
class Controls:
    """Picture controls by their libcamera names (`AfMode`, `ExposureTime`, ...); unknown ones raise `SourceError`."""

    values: dict[str, float | int | bool | str] = field(default_factory=dict)


class VideoSource(Protocol):
    """A camera that encodes each picture once.

    `start` and `stop` may be repeated, in turn; neither is called twice in a row. All other methods may be called from any
    thread at any time and return at once.
    """

    @property
    def capabilities(self) -> Capabilities:
        """May change once the camera has been reached."""

    def start(self, emit: Emit, report: Report) -> None:
        """Begins to deliver; returns within 50 ms and does slow work in a thread of its own. What goes wrong later is
        reported, retried with a growing pause, and reported as None when it works again. Raises `PiCamError` only for
        what a retry cannot mend (a missing library)."""

    def stop(self) -> None:
        """Closes the device or connection; nothing is emitted after it returns. Takes at most 2 s; safe after a failed
        `start`."""

    def request_keyframe(self) -> None:
        """The next picture, or one of the next three, becomes an IDR, where `askable`."""

    def set_bitrate(self, bits_per_second: int) -> None:
        """Aims at this rate from now on, where `adjustable`."""

    def set_controls(self, controls: Controls) -> None:
        """Applies picture controls; raises `SourceError` for one that this camera lacks."""


@runtime_checkable
class HasSmall(Protocol):
    """A source that brings its own small rendition, or could."""

    small: VideoSource | None


@runtime_checkable
class HasBeat(Protocol):
    """A source with a driver in this process, which may hang for ever."""

    def beat(self) -> float:
        """When its thread last came round (monotonic seconds); infinite while it waits for nothing but people and time."""


class UnsteeredSource:
    """Base of sources that cannot be asked for anything: they take what the camera sends."""

    @property
    def capabilities(self) -> Capabilities:
        """None."""
        return Capabilities()

    def request_keyframe(self) -> None:
        """Not possible here: the hub keeps the units since the last keyframe instead."""

    def set_bitrate(self, bits_per_second: int) -> None:
        """Not possible here."""

    def set_controls(self, controls: Controls) -> None:
        """Refuses every control."""
        if controls.values:
            raise SourceError(f"This camera has no control named {sorted(controls.values)[0]}.")


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One row: where the class lives (`module:class`; imported when first used), who may name it, and help."""

    target: str
    operator_only: bool
    example: str
    local: bool = False
    """An address of this machine, which holds no secret."""


SOURCES: dict[str, SourceKind] = {
    "auto": SourceKind("pi_cam.capture.auto:AutoSource", True, "auto:"),
    "synthetic": SourceKind("pi_cam.capture.synthetic:SyntheticSource", True, "synthetic:?size=1280x720&fps=30"),
    "rtsp": SourceKind("pi_cam.capture.network:NetworkSource", False, "rtsp://name:password@192.168.1.20/stream1"),
    "rtsps": SourceKind("pi_cam.capture.network:NetworkSource", False, "rtsps://192.168.1.20/stream1"),
    "http": SourceKind("pi_cam.capture.network:NetworkSource", False, "http://192.168.1.20/video.mjpg"),
    "https": SourceKind("pi_cam.capture.network:NetworkSource", False, "https://192.168.1.20/live.ts"),
    "usb": SourceKind("pi_cam.capture.usb:UsbSource", False, "usb:?size=1280x720&fps=30", local=True),
    "file": SourceKind("pi_cam.capture.clip:ClipSource", True, "file:/home/me/clip.mp4"),
    "camera": SourceKind("pi_cam.capture.camera:CameraSource", True, "camera:?size=1280x720&fps=30"),
}
"""Scheme of the address → kind. `operator_only` ones are taken from the command line, never from the API."""


def open_source(url: str, *, by_operator: bool, allow_lan: bool = True) -> VideoSource:
    """Makes (does not start) the source for `url`. `by_operator`: it was given on the command line of this machine.
    `allow_lan`: a network camera may be in a private network.

    Raises `AddressRefused` for an address that is malformed or not allowed, `MissingPart` for a library that is not there.
    """
    scheme = url.partition(":")[0].lower()
    kind = SOURCES.get(scheme)
    if kind is None:
        raise AddressRefused(f"A camera address starts with one of: {', '.join(f'{name}:' for name in SOURCES)}")
    if kind.operator_only and not by_operator:
        raise AddressRefused(f"A {scheme}: camera can be named on the command line only.")
    module, _, name = kind.target.partition(":")
    factory: Callable[..., VideoSource] = getattr(import_module(module), name)
    return (
        factory(url, by_operator=by_operator)
        if kind.operator_only
        else factory(url, by_operator=by_operator, allow_lan=allow_lan)
    )


def check(url: str, *, allow_lan: bool) -> dict[str, Any]:
    """What can be said, without opening anything, of an address that somebody wrote: where it leads, as `host` and
    `port`, or as a `device`. Raises `AddressRefused`."""
    kind = SOURCES.get(url.partition(":")[0].lower())
    if kind is not None and kind.local:
        return {"device": usb_address.parse_address(url).device or "usb"}
    address = addresses.parse(url)
    addresses.check_literal(address, allow_lan=allow_lan)
    return {"host": address.host, "port": address.port}


def is_choice(url: str) -> bool:
    """Whether the operator, who gave this address, leaves it to the owner which camera it is."""
    return url.partition(":")[0].lower() == "auto"


def is_local(url: str) -> bool:
    """Whether this is a camera of this machine, and no other machine's."""
    kind = SOURCES.get(url.partition(":")[0].lower())
    return kind is not None and (kind.local or kind.operator_only)


def shown(url: str) -> str:
    """A camera's address without secrets, for everybody who watches."""
    scheme = url.partition(":")[0].lower()
    kind = SOURCES.get(scheme)
    if kind is None:
        return "***"
    return url if kind.operator_only or kind.local else addresses.shown(url)


class RefusedSource(UnsteeredSource):
    """Stands where a camera's address cannot be used (any more), and says why."""

    def __init__(self, error: PiCamError) -> None:
        self._error = error

    def start(self, emit: Emit, report: Report) -> None:
        """Raises the error."""
        raise self._error

    def stop(self) -> None:
        """Nothing was opened."""
