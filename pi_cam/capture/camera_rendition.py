"""One encoded stream of the camera on the ribbon cable: where it goes, and what is asked of its encoder."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

from pi_cam.capture.camera_address import FASTEST_BITRATE, SLOWEST_BITRATE
from pi_cam.capture.source import Capabilities, Controls, Emit, Report
from pi_cam.errors import SourceError
from pi_cam.media.units import AccessUnit


class Driver(Protocol):
    """The device that several renditions share; `beat` as in `source.HasBeat`."""

    beat: float

    def want(self, rendition: Rendition) -> None:
        """Opens the camera, or adds a stream to the open one. Returns at once."""

    def release(self, rendition: Rendition) -> None:
        """Waits until the stream has ended, but not for ever."""

    def set_controls(self, values: Mapping[str, object]) -> None:
        """Raises `SourceError` for a control that the camera lacks, or a value that it would not take."""


class Rendition:
    """One encoded stream of a camera; a `VideoSource`."""

    def __init__(self, device: Driver, stream: str, bitrate: int) -> None:
        self.stream = stream
        self.bitrate = self._usual = bitrate
        self.encoder: Any = None
        self.encoding_since = 0.0
        self.last_picture = 0.0
        self._device = device
        self._gate = threading.Lock()
        self._emit: Emit | None = None
        self._report: Report | None = None
        self._flowing = False

    @property
    def capabilities(self) -> Capabilities:
        """The encoder is ours and can be asked for anything."""
        return Capabilities(askable=True, adjustable=True, bitrate=self._usual)

    def start(self, emit: Emit, report: Report) -> None:
        """Opens the camera, in a thread, unless the other rendition has."""
        with self._gate:
            self._emit, self._report, self._flowing = emit, report, False
        self._device.want(self)

    def stop(self) -> None:
        """Closes the camera, unless the other rendition is still started."""
        with self._gate:
            self._emit = self._report = None
        self._device.release(self)

    def request_keyframe(self) -> None:
        """Nothing before the first picture, which is a keyframe: picamera2 would answer each request with one more."""
        encoder = self.encoder
        if encoder is not None and encoder.firsttimestamp is not None:
            encoder.force_key_frame()

    def set_bitrate(self, bits_per_second: int) -> None:
        """Kept for the next opening too."""
        self.bitrate = min(max(SLOWEST_BITRATE, bits_per_second), FASTEST_BITRATE)
        encoder = self.encoder
        if encoder is not None:
            encoder.set_bitrate(self.bitrate)

    def set_controls(self, controls: Controls) -> None:
        """Kept for the next opening too. Before the first one nothing can be checked, and what does not fit is dropped."""
        self._device.set_controls(controls.values)

    def beat(self) -> float:
        """As `source.HasBeat`; one for both renditions."""
        return self._device.beat

    def deliver(self, unit: AccessUnit) -> None:
        """Takes a unit from the encoder's thread. The gate makes `stop` final."""
        with self._gate:
            if self._emit is None or self._report is None:
                return
            self.last_picture = time.monotonic()
            if not self._flowing:
                self._flowing = True
                self._report(None)
            self._emit(unit)

    def tell(self, error: SourceError) -> None:
        """Says what is wrong, unless it was stopped meanwhile."""
        with self._gate:
            self._flowing = False
            if self._report is not None:
                self._report(error)
