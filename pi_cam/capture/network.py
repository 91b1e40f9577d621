"""Network cameras: RTSP and HTTP, demuxed by PyAV, reached through a relay that goes to the checked address only."""

from __future__ import annotations

import logging
import random
import threading
import time
import traceback
from dataclasses import dataclass, replace
from typing import cast

import av
from av.container import InputContainer

from pi_cam.capture.addresses import Address, CheckedAddress, parse, resolve
from pi_cam.capture.delivery import PASSED_THROUGH, Delivery, Gate
from pi_cam.capture.network_opening import ended, opened, translated
from pi_cam.capture.relay import SILENCE_SECONDS, Relay
from pi_cam.capture.sound import CameraSound, SoundWish, sound_of
from pi_cam.capture.source import Capabilities, Emit, Report, UnsteeredSource
from pi_cam.capture.timeline import Timeline
from pi_cam.errors import PiCamError, SourceError, SourceForbidden, SourceUnreachable, SourceUnsupported
from pi_cam.media.units import AccessUnit, AudioPacket

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
STEADY_SECONDS = 2.0
"""A connection that lasted this long was a good one: the next pause is short again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a camera may be, as `addresses.resolve` takes it."""

    by_operator: bool
    allow_lan: bool


class NetworkSource(UnsteeredSource):
    """A camera at an `rtsp:`, `rtsps:`, `http:` or `https:` address.

    H.264 passes through untouched; other codecs are encoded once here. `by_operator`: the address was given on this
    machine's command line and may be loopback; `allow_lan`: it may be in a private network. Raises `AddressRefused`
    for one that is malformed.
    """

    def __init__(self, url: str, *, by_operator: bool, allow_lan: bool = True) -> None:
        self._address = parse(url)
        self._limits = Limits(by_operator, allow_lan)
        self._rate: int | None = None
        self._timeline = Timeline()
        self._wish = SoundWish()
        self._watch: _Watch | None = None
        self._capabilities = PASSED_THROUGH

    @property
    def capabilities(self) -> Capabilities:
        """Known once the camera was reached; until then that of a camera that cannot be asked."""
        watch = self._watch
        return watch.capabilities if watch is not None else self._capabilities

    def start(self, emit: Emit, report: Report) -> None:
        """Begins to connect, on a thread of its own."""
        clocks = (self._timeline, self._wish)
        self._watch = _Watch(self._address, self._limits, *clocks, emit, report, self._rate, self._capabilities)
        self._watch.start()

    def stop(self) -> None:
        """Cuts the connection; nothing is emitted or reported after it returns."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()
            self._capabilities = watch.capabilities

    def request_keyframe(self) -> None:
        """Honoured when the stream is encoded here."""
        watch = self._watch
        if watch is not None and watch.delivery is not None:
            watch.delivery.request_keyframe()

    def bring_sound(self, wanted: bool) -> None:
        """Decodes sound only while it is wanted."""
        self._wish.wanted = wanted

    def set_bitrate(self, bits_per_second: int) -> None:
        """Honoured when the stream is encoded here, also across reconnections."""
        self._rate = bits_per_second
        watch = self._watch
        if watch is not None:
            watch.set_bitrate(bits_per_second)


class _Watch:
    """One run between `start` and `stop`. A thread that a resolver or FFmpeg still holds cannot disturb the next."""

    def __init__(
        self,
        address: Address,
        limits: Limits,
        timeline: Timeline,
        wish: SoundWish,
        emit: Emit,
        report: Report,
        rate: int | None,
        capabilities: Capabilities,
    ) -> None:
        self._address = address
        self._limits = limits
        self._timeline = timeline
        self._wish = wish
        self._report = report
        self._rate = rate
        self._gate = Gate(emit)
        self._stopped = threading.Event()
        self._relay: Relay | None = None
        self._lock = threading.Lock()
        self._first_unit_at: float | None = None
        self.delivery: Delivery | None = None
        self.capabilities = capabilities
        self._thread = threading.Thread(target=self._run, name="camera-network", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def set_bitrate(self, bits_per_second: int) -> None:
        """For this connection and those to come."""
        self._rate = bits_per_second
        if self.delivery is not None:
            self.delivery.set_bitrate(bits_per_second)

    def stop(self) -> None:
        """Shuts the gate first, then cuts the connection and waits a little for the thread."""
        self._gate.close()
        with self._lock:
            self._stopped.set()
            if self._relay is not None:
                self._relay.close()
        self._thread.join(1.5)

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                self._connect()
            except PiCamError as error:
                self._tell(error if isinstance(error, SourceError) else SourceUnsupported(str(error)))
                if isinstance(error, SourceForbidden):
                    pause = LONGEST_PAUSE_SECONDS  # more wrong tries would lock the account of many a camera
            except Exception as error:  # noqa: BLE001 - the edge of a thread: a silent end would look like a live camera
                # Where and which, but not the text: it may hold the address with its password.
                where = "".join(traceback.format_tb(error.__traceback__))
                log.error("camera thread: unexpected %s\n%s", type(error).__name__, where)
                self._tell(SourceUnsupported("Reading this camera failed in a way that was not foreseen."))
            first, self._first_unit_at = self._first_unit_at, None
            if first is not None and time.monotonic() - first >= STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.debug("connection lasted %.1f s", time.monotonic() - began)
            self._stopped.wait(pause * random.uniform(0.75, 1.25))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _tell(self, error: SourceError | None) -> None:
        with self._lock:
            if not self._stopped.is_set():
                self._report(error)

    def _connect(self) -> None:
        """One connection from resolving to its end; always leaves by a `PiCamError`, unless stopped."""
        checked = resolve(self._address, by_operator=self._limits.by_operator, allow_lan=self._limits.allow_lan)
        try:
            return self._visit(checked, sound=True)
        except _NotWithSound as refusal:
            log.debug("the camera is asked again, for its pictures alone")
            if self._stopped.is_set():
                raise refusal.trouble from None
        return self._visit(checked, sound=False)

    def _visit(self, checked: CheckedAddress, *, sound: bool) -> None:
        relay = Relay(checked)
        with self._lock:
            self._relay = relay
            if self._stopped.is_set():
                relay.close()
        try:
            relay.open()
            with self._open(checked, relay, sound=sound) as container:
                self._deliver(container, relay)
        finally:
            with self._lock:
                self._relay = None
            relay.join(1.0)

    def _open(self, checked: CheckedAddress, relay: Relay, *, sound: bool) -> InputContainer:
        try:
            return opened(checked.plain_url("127.0.0.1", relay.port), self._address, relay, sound=sound)
        except SourceForbidden:
            raise
        except SourceError as error:
            if sound and self._address.is_rtsp and relay.answers:
                raise _NotWithSound(error) from None
            raise

    def _deliver(self, container: InputContainer, relay: Relay) -> None:
        if not container.streams.video:
            raise SourceUnsupported("This camera answers, but sends no pictures.")
        stream = container.streams.video[0]
        self._timeline.restart()
        delivery = Delivery(stream, self._timeline, self._emit, self._rate)
        self.delivery = delivery
        sound = sound_of(container, self._timeline, self._wish, self._gate.emit)
        self._learn(delivery, sound)
        try:
            self._read(container, stream, delivery, sound, relay)
        except av.FFmpegError as error:
            raise (translated(error, relay) if self._first_unit_at is None else ended(relay)) from None
        finally:
            self.delivery = None
            delivery.close()
        raise ended(relay)

    def _read(
        self,
        container: InputContainer,
        stream: av.VideoStream,
        delivery: Delivery,
        sound: CameraSound | None,
        relay: Relay,
    ) -> None:
        pictured_at = time.monotonic()
        for packet in container.demux():  # all streams: sound that flows on must not hide that the pictures stopped
            arrived = time.monotonic()
            if self._stopped.is_set():
                return
            if packet.stream_index == stream.index and packet.size:
                pictured_at = arrived
                relay.pictured()
                delivery.take(cast("av.Packet[av.VideoStream]", packet), arrived)
                self._learn(delivery, sound)
                continue
            if arrived - pictured_at > SILENCE_SECONDS:
                raise SourceUnreachable("The camera sends no pictures any more.")
            if sound is not None and packet.stream_index == sound.index:
                sound.take(packet, arrived)

    def _learn(self, delivery: Delivery, sound: CameraSound | None) -> None:
        known = delivery.capabilities
        self.capabilities = known if sound is None else replace(known, sound=sound.codec)

    def _emit(self, unit: AccessUnit | AudioPacket) -> None:
        if self._first_unit_at is None:
            self._first_unit_at = time.monotonic()
            self._tell(None)
        self._gate.emit(unit)


class _NotWithSound(Exception):
    """An RTSP camera answered, but not as it should: some fail when they are asked for their sound."""

    def __init__(self, trouble: SourceError) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble
