"""Opens and closes one source, one after the other, whatever is wished meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, runtime_checkable

from pi_cam.errors import PiCamError, SourceError
from pi_cam.media.units import AccessUnit, AudioPacket

log = logging.getLogger(__name__)

UNFORESEEN = "This camera failed in a way that was not foreseen; the log says more."


class Bridge(Protocol):
    """What the hub needs of the media loop (`pi_cam.loop.Loop`)."""

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Runs a function in the loop, from any thread."""

    def run_blocking(self, function: Callable[..., Any], *args: Any) -> Coroutine[object, object, Any]:
        """Runs a blocking function in another thread, from inside the loop."""


class Asked(Protocol):
    """What the hub needs to know of a source's capabilities."""

    @property
    def askable(self) -> bool:
        """A keyframe request is honoured."""

    @property
    def adjustable(self) -> bool:
        """So is another rate."""

    @property
    def bitrate(self) -> int | None:
        """What it was set up for, bits a second; None when that is not known."""

    @property
    def transcoded(self) -> bool:
        """It is encoded here from something else."""

    @property
    def sends(self) -> str | None:
        """The codec of the camera itself, once known."""

    @property
    def sound(self) -> str | None:
        """The codec of the sound that the camera brings, once known."""


class Device(Protocol):
    """What can be opened: a camera, a microphone."""

    def start(
        self, emit: Callable[[AccessUnit | AudioPacket], None], report: Callable[[PiCamError | None], None]
    ) -> None:
        """Begins to deliver."""

    def stop(self) -> None:
        """Closes the device or connection."""


class Source(Device, Protocol):
    """What the hub needs of a camera (`pi_cam.capture.source.VideoSource`)."""

    @property
    def capabilities(self) -> Asked:
        """What it can do now."""

    def request_keyframe(self) -> None:
        """Makes one of the next pictures a keyframe."""

    def set_bitrate(self, bits_per_second: int) -> None:
        """Aims at this rate from now on."""


@runtime_checkable
class BringsSound(Protocol):
    """A source whose sound costs something: it brings none until it is wanted."""

    def bring_sound(self, wanted: bool) -> None:
        """From now on, or no longer; from any thread, returns at once."""


class Receiver(Protocol):
    """Who gets what the source says; called in the media loop, and only while the source is wanted."""

    def publish(self, unit: AccessUnit | AudioPacket) -> None:
        """A picture, or sound."""

    def troubled(self, trouble: PiCamError | None) -> None:
        """What is wrong now; None when pictures flow again."""

    def closed(self) -> None:
        """The source is closed; what is known of its stream is over."""


class Opening:
    """Brings a source to where it is wanted. Lives in the media loop; what blocks runs in another thread."""

    def __init__(self, source: Device, bridge: Bridge, receiver: Receiver) -> None:
        self.wanted = False
        self.open = False
        self._source = source
        self._bridge = bridge
        self._receiver = receiver
        self._round = 0  # units of an earlier opening are told from those of the present one by this number
        self._driver: asyncio.Task[None] | None = None
        self._letting_go: asyncio.TimerHandle | None = None

    def want(self, wanted: bool) -> None:
        """Returns at once; the source follows."""
        if self._letting_go is not None:
            self._letting_go.cancel()
            self._letting_go = None
        self.wanted = wanted
        if self.open != wanted and (self._driver is None or self._driver.done()):
            self._driver = asyncio.get_running_loop().create_task(self._drive())

    def let_go(self, seconds: float, then: Callable[[], None] = lambda: None) -> None:
        """Nobody needs it now: it is no longer wanted after so many seconds, and `then` is called, unless somebody wants it
        before."""

        def close() -> None:
            self.want(False)
            then()

        if self.wanted and self._letting_go is None:
            self._letting_go = asyncio.get_running_loop().call_later(seconds, close)

    async def settled(self) -> None:
        """Waits until the source is where it is wanted."""
        if self._driver is not None:
            await self._driver

    async def _drive(self) -> None:
        while self.open != self.wanted:
            await (self._start() if self.wanted else self._stop())

    async def _start(self) -> None:
        self._round += 1
        self.open = True
        this_round = self._round

        def current(function: Callable[..., object], value: object) -> None:
            if this_round == self._round and self.wanted:
                function(value)

        def emit(unit: AccessUnit | AudioPacket) -> None:
            self._bridge.post(current, self._receiver.publish, unit)

        def report(trouble: PiCamError | None) -> None:
            self._bridge.post(current, self._receiver.troubled, trouble)

        trouble = await self._attempt(self._source.start, emit, report)
        if trouble:
            self._receiver.troubled(trouble)

    async def _stop(self) -> None:
        self._round += 1
        trouble = await self._attempt(self._source.stop)
        if trouble:
            log.warning("camera did not close cleanly", extra={"trouble": str(trouble)})
        self.open = False
        self._receiver.closed()

    async def _attempt(self, function: Callable[..., object], *arguments: object) -> PiCamError | None:
        """What went wrong."""
        try:
            await self._bridge.run_blocking(function, *arguments)
        except PiCamError as error:
            return error
        except Exception:  # an edge: a driver may fail in any way, and the hub must outlive it
            log.exception("camera failed")
            return SourceError(UNFORESEEN)
        return None
