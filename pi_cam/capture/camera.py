"""The camera on the ribbon cable, by picamera2.

A `CameraSource` is the camera's main rendition; its `small`, if the address asks for one, is a second source on the
sensor's second stream. The device is open while either of them is started. One thread per device opens, watches and
closes it; encoded pictures come from picamera2's own threads.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from math import inf
from typing import Any

from pi_cam.capture.camera_address import SLOWEST_BITRATE, CameraAddress, parse_address
from pi_cam.capture.camera_opening import Ranges, advertised_controls, explain, fitting, only_fitting, open_camera
from pi_cam.capture.camera_rendition import Rendition
from pi_cam.capture.source import VideoSource
from pi_cam.errors import AddressRefused, MissingPart, SourceError, SourceUnreachable

log = logging.getLogger(__name__)

SILENCE_SECONDS = 5.0
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
STOP_SECONDS = 1.7
TICK_SECONDS = 0.25
BUFFERS = 4
"""Pictures in flight: one on the sensor, up to two in the encoders, one to spare. More is only delay and memory."""

SMALL_SHARE = 6
"""The small rendition starts with this part of the main one's bit rate."""

SILENT = "The camera stopped delivering pictures; it is opened again."
STILL_CLOSING = "The camera is still closing; if pictures do not come back, restart this machine."


class CameraSource(Rendition):
    """The main rendition; in `small` the other one, or None."""

    def __init__(self, url: str, *, by_operator: bool) -> None:
        """Raises `AddressRefused` and, when picamera2 is not installed, `MissingPart`."""
        if not by_operator:
            raise AddressRefused("The camera of this machine can be named on its command line only.")
        address = parse_address(url)
        if not (find_spec("libcamera") and find_spec("picamera2")):
            raise MissingPart(
                "The camera needs picamera2: sudo apt install python3-picamera2 "
                "(and a virtual environment made with --system-site-packages)."
            )
        device = Device(address)
        super().__init__(device, "main", address.bitrate)
        self.small: VideoSource | None = None
        if address.small:
            self.small = Rendition(device, "lores", max(SLOWEST_BITRATE, address.bitrate // SMALL_SHARE))


class Device:
    """One libcamera camera, open while a rendition wants it, and the thread that drives it."""

    def __init__(self, address: CameraAddress) -> None:
        self._address = address
        self._changed = threading.Condition()
        self._wanted: tuple[Rendition, ...] = ()
        self._encoding: tuple[Rendition, ...] = ()
        self._thread: threading.Thread | None = None
        self._hangs = False
        self.beat = inf
        self._camera: Any = None
        self._advertised: Ranges | None = None
        self._controls: Mapping[str, object] = {}

    def want(self, rendition: Rendition) -> None:
        """Opens the camera, or adds a stream to the open one. Returns at once."""
        with self._changed:
            self._wanted = (*self._wanted, rendition)
            hangs = self._hangs
            if self._thread is None:
                self._thread = threading.Thread(target=self._live, name="camera", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        if hangs:
            rendition.tell(SourceUnreachable(STILL_CLOSING))

    def release(self, rendition: Rendition) -> None:
        """Waits until the stream has ended and, if it was the last, the camera is closed; but not for ever."""

        def gone() -> bool:
            return rendition.encoder is None and (bool(self._wanted) or self._thread is None)

        with self._changed:
            thread = self._thread
            self._wanted = tuple(one for one in self._wanted if one is not rendition)
            self._changed.notify_all()
            self._hangs = not self._changed.wait_for(gone, STOP_SECONDS)
            if self._hangs:
                log.error("The camera does not close")
                if self._camera is not None:
                    atexit.unregister(self._camera.close)  # else picamera2 would hang there when this process ends
        if thread is not None and not (self._hangs or self._wanted):
            thread.join(0.2)

    def set_controls(self, values: Mapping[str, object]) -> None:
        """Raises `SourceError` for a control that the camera lacks, or a value that it would not take."""
        with self._changed:
            if self._advertised is not None:
                values = {name: fitting(name, value, self._advertised) for name, value in values.items()}
                if self._camera is not None:
                    self._camera.set_controls(values)
            self._controls = {**self._controls, **values}

    # From here on: the device's own thread

    def _live(self) -> None:
        with self._changed:  # libcamera keeps Python's lock while it looks for cameras: first let `start` return
            failures = 0
        while True:
            begun = self.beat = time.monotonic()
            failed = self._session()
            self.beat = inf
            with self._changed:
                self._hangs = False
                if failed:
                    failures = 0 if any(one.last_picture > begun for one in self._wanted) else failures
                    self._changed.wait_for(lambda: not self._wanted, PAUSES[min(failures, len(PAUSES) - 1)])
                    failures += 1
                if not self._wanted:
                    self._thread = None
                    self._changed.notify_all()
                    return

    def _session(self) -> bool:
        """Opens the camera, drives it until nobody wants it or it fails, and closes it. True when it failed."""
        try:
            with ExitStack() as closing:
                self._drive(closing)
        except Exception as error:  # the edge of a thread: whatever libcamera or a driver throws, we try again
            log.info("The camera failed: %s", error, exc_info=not isinstance(error, SourceError))
            self._tell(explain(error))
            return True
        return False

    def _drive(self, closing: ExitStack) -> None:
        camera = open_camera(self._address)
        closing.callback(camera.close)
        closing.callback(self._forget)
        self._configure(camera)
        closing.callback(self._stop_encoders, camera)
        while seen := self._wanted:
            self._match_encoders(camera, seen)
            if not camera.started:
                # The event thread is ended before the camera is stopped: `stop` would wait for it, even if it has died.
                camera.start_preview()
                closing.callback(camera.stop)
                closing.callback(camera.stop_preview)
                camera.start(show_preview=None)
            self._watch_for_silence()
            self._rest(seen)

    def _rest(self, seen: tuple[Rendition, ...]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted is not seen, TICK_SECONDS)
        self.beat = time.monotonic()

    def _configure(self, camera: Any) -> None:
        address = self._address
        duration = 1_000_000 // address.fps
        camera.configure(
            camera.create_video_configuration(
                main={"size": address.size, "format": "YUV420"},
                lores={"size": address.small, "format": "YUV420"} if address.small else None,
                raw=None,  # libcamera picks the sensor's mode by the size; raw pictures would only take memory
                buffer_count=BUFFERS,
                controls={"FrameDurationLimits": (duration, duration)},
                display=None,
                queue=False,
            )
        )
        advertised = advertised_controls(camera)
        with self._changed:
            self._controls = only_fitting(self._controls, advertised)
            camera.set_controls(self._controls)
            self._camera, self._advertised = camera, advertised

    def _match_encoders(self, camera: Any, wanted: tuple[Rendition, ...]) -> None:
        from pi_cam.capture.camera_encoder import Tap, make_encoder

        for rendition in self._encoding:
            if rendition not in wanted:
                self._stop_encoder(camera, rendition)
        for rendition in wanted:
            if rendition not in self._encoding:
                encoder = make_encoder(rendition.bitrate, self._address.fps)
                camera.start_encoder(encoder, Tap(encoder, rendition.deliver), name=rendition.stream)
                rendition.encoding_since = time.monotonic()
                rendition.encoder = encoder
                encoder.set_bitrate(rendition.bitrate)  # it may have changed meanwhile
                self._encoding = (*self._encoding, rendition)

    def _stop_encoders(self, camera: Any) -> None:
        with ExitStack() as each:
            for rendition in self._encoding:
                each.callback(self._stop_encoder, camera, rendition)

    def _stop_encoder(self, camera: Any, rendition: Rendition) -> None:
        try:
            camera.stop_encoder(rendition.encoder)
        finally:
            with self._changed:
                rendition.encoder = None
                self._encoding = tuple(one for one in self._encoding if one is not rendition)
                self._changed.notify_all()

    def _forget(self) -> None:
        with self._changed:
            self._camera = None

    def _watch_for_silence(self) -> None:
        waiting = [max(one.encoding_since, one.last_picture) for one in self._encoding]
        if waiting and time.monotonic() - min(waiting) > SILENCE_SECONDS:
            self._tell(SourceUnreachable(SILENT))  # before closing, which may hang
            raise SourceUnreachable(SILENT)

    def _tell(self, error: SourceError) -> None:
        for rendition in self._wanted:
            rendition.tell(error)
