"""USB cameras, and whatever else Linux shows as a camera of its own (V4L2), read by FFmpeg."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Iterator

import av
from av.container import InputContainer

from pi_cam.capture.delivery import PASSED_THROUGH, Delivery, Gate
from pi_cam.capture.source import Capabilities, Emit, Report, UnsteeredSource
from pi_cam.capture.timeline import Timeline
from pi_cam.capture.usb_address import UsbAddress, device_of, parse_address
from pi_cam.errors import PiCamError, SourceError, SourceForbidden, SourceUnreachable, SourceUnsupported
from pi_cam.media.units import AccessUnit

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0
SILENCE_SECONDS = 5.0
NONBLOCK = "+4"
"""AVFMT_FLAG_NONBLOCK, for which FFmpeg's options have no name: the device is opened with O_NONBLOCK."""

LOOK_SECONDS = 0.004
"""Between two looks for a picture: FFmpeg could wait in the driver instead, but for ever where that is stuck."""

INPUT_FORMATS = {"h264": ("h264",), "mjpeg": ("mjpeg",), "raw": ("yuyv422", "nv12", "yuv420p", "uyvy422", "")}
"""By FFmpeg's names of V4L2's formats, best first; the empty one is what the device itself prefers."""


class UsbSource(UnsteeredSource):
    """A camera at a `usb:` address. H.264 passes through untouched; MJPEG and raw pictures are encoded once here.

    `by_operator`, `allow_lan`: every address of this kind is one of this machine. Raises `AddressRefused` for one that makes
    no sense.
    """

    def __init__(self, url: str, *, by_operator: bool, allow_lan: bool = True) -> None:
        self._address = parse_address(url)
        self._timeline = Timeline()
        self._rate: int | None = None
        self._capabilities = PASSED_THROUGH
        self._delivery: Delivery | None = None
        self._gate: Gate | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Known once the camera was opened."""
        delivery = self._delivery
        return delivery.capabilities if delivery is not None else self._capabilities

    def start(self, emit: Emit, report: Report) -> None:
        """Begins to open it, on a thread of its own."""
        self._stopped, self._gate = threading.Event(), Gate(emit)
        run = (self._gate, report, self._stopped)
        self._thread = threading.Thread(target=self._run, args=run, name="camera-usb", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Closes it; nothing is emitted after it returns."""
        self._stopped.set()
        if self._gate is not None:
            self._gate.close()
        if self._thread is not None:
            self._thread.join(2.0)
            self._thread = None

    def request_keyframe(self) -> None:
        """Honoured when the pictures are encoded here."""
        if (delivery := self._delivery) is not None:
            delivery.request_keyframe()

    def set_bitrate(self, bits_per_second: int) -> None:
        """Honoured when the pictures are encoded here."""
        self._rate = bits_per_second
        if (delivery := self._delivery) is not None:
            delivery.set_bitrate(bits_per_second)

    def _run(self, gate: Gate, report: Report, stopped: threading.Event) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not stopped.is_set():
            began = time.monotonic()
            try:
                self._film(gate, report, stopped)
            except PiCamError as error:
                if not stopped.is_set():
                    report(error if isinstance(error, SourceError) else SourceUnsupported(str(error)))
            if time.monotonic() - began > SILENCE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            stopped.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _film(self, gate: Gate, report: Report, stopped: threading.Event) -> None:
        """From opening the device to its end."""
        device = device_of(self._address)
        flows = False

        def emit(unit: AccessUnit) -> None:
            nonlocal flows
            if not flows and not stopped.is_set():
                flows = True
                report(None)
            gate.emit(unit)

        with opened(device, self._address) as container:
            self._timeline.restart()
            delivery = Delivery(container.streams.video[0], self._timeline, emit, self._rate)
            self._delivery = delivery
            try:
                for packet in packets(container, stopped):
                    delivery.take(packet, time.monotonic())
            except av.FFmpegError as error:
                raise explained(error, device) from None
            finally:
                self._capabilities, self._delivery = delivery.capabilities, None
                delivery.close()


def opened(device: str, address: UsbAddress) -> InputContainer:
    """In the best format that it has of those that are wanted. Raises `SourceError`."""
    width, height = address.size
    options = {"video_size": f"{width}x{height}", "framerate": str(address.fps), "fflags": NONBLOCK}
    wanted = [address.format] if address.format is not None else list(INPUT_FORMATS)
    for name in (name for one in wanted for name in INPUT_FORMATS[one]):
        try:
            # The container's alone: `options` would tell the decoder, too, that pictures have the size that was wished for,
            # and not that which the driver gives.
            return av.open(device, format="v4l2", container_options=options | ({"input_format": name} if name else {}))
        except av.ArgumentError:  # not this one
            log.debug("the camera has no such format", extra={"format": name})
        except (av.FFmpegError, OSError) as error:
            raise explained(error, device) from None
    raise SourceUnsupported(f"The camera {device} has no format that is wanted, or none that can be read here.")


def packets(container: InputContainer, stopped: threading.Event) -> Iterator[av.Packet[av.VideoStream]]:
    """Its pictures as they come. Raises `av.FFmpegError`, and `SourceUnreachable` when none comes for long."""
    heard = time.monotonic()
    while not stopped.is_set():
        try:
            for packet in container.demux(container.streams.video[0]):
                heard = time.monotonic()
                if packet.size:
                    yield packet
                if stopped.is_set():
                    return
        except av.BlockingIOError:
            if time.monotonic() - heard > SILENCE_SECONDS:
                raise SourceUnreachable("The camera sends no pictures any more.") from None
            stopped.wait(LOOK_SECONDS)


def explained(error: Exception, device: str) -> SourceError:
    """What FFmpeg, or the driver, says, as a sentence."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return SourceUnreachable(f"There is no camera at {device}: was it unplugged?")
    if number == errno.EBUSY:
        return SourceUnreachable(f"Another program uses the camera {device}.")
    if number in (errno.EACCES, errno.EPERM):
        return SourceForbidden(f"This program may not open {device}: add its user to the group video.")
    return SourceUnsupported(f"{device} cannot be read as a camera.")
