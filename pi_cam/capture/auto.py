"""A machine on which nobody said which camera it has: the first USB camera, else a picture that shows that all works."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable

from pi_cam.capture.source import Capabilities, Emit, Report, UnsteeredSource, VideoSource
from pi_cam.capture.synthetic import SyntheticSource
from pi_cam.capture.usb import UsbSource
from pi_cam.capture.usb_address import found_devices
from pi_cam.errors import AddressRefused

LOOK_SECONDS = 2.0


class AutoSource(UnsteeredSource):
    """`auto:`. A camera that is plugged in while the test picture is shown takes its place at once; one that was
    there and is pulled out is missed, and never replaced by a picture of nothing.

    `find`: the devices that are plugged in now; `camera`, `picture`: what is shown with one, and without.
    """

    def __init__(
        self,
        url: str,
        *,
        by_operator: bool,
        find: Callable[[], Iterable[str]] = found_devices,
        camera: VideoSource | None = None,
        picture: VideoSource | None = None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        if url.lower() != "auto:":
            raise AddressRefused("auto: stands alone: it takes the first USB camera, as it is.")
        self._find, self._look_seconds = find, look_seconds
        self._camera = camera or UsbSource("usb:", by_operator=by_operator)
        self._picture = picture or SyntheticSource("synthetic:", by_operator=by_operator)
        self._shown: VideoSource = self._picture
        self._rate: int | None = None
        self._turn = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Of what is shown now."""
        return self._shown.capabilities

    def start(self, emit: Emit, report: Report) -> None:
        """Begins to show what is there."""
        self._ended = threading.Event()
        if self._shown is self._picture and self._is_plugged_in():
            self._shown = self._camera
        self._shown.start(emit, report)
        if self._shown is self._picture:
            watch = (emit, report, self._ended)
            self._thread = threading.Thread(target=self._watch, args=watch, name="camera-auto", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Closes it; nothing is emitted after it returns."""
        self._ended.set()
        with self._turn:
            self._shown.stop()
        if self._thread is not None:
            self._thread.join(2.0)
            self._thread = None

    def request_keyframe(self) -> None:
        """Where that can be asked for."""
        self._shown.request_keyframe()

    def set_bitrate(self, bits_per_second: int) -> None:
        """Of what is shown now and later."""
        self._rate = bits_per_second
        self._shown.set_bitrate(bits_per_second)

    def _watch(self, emit: Emit, report: Report, ended: threading.Event) -> None:
        while not ended.wait(self._look_seconds):
            if not self._is_plugged_in():
                continue
            with self._turn:
                if not ended.is_set():
                    self._picture.stop()
                    if self._rate is not None:
                        self._camera.set_bitrate(self._rate)
                    self._shown = self._camera
                    self._camera.start(emit, report)
            return

    def _is_plugged_in(self) -> bool:
        with contextlib.suppress(OSError):  # pulled out while it was looked at
            return any(True for _ in self._find())
        return False
