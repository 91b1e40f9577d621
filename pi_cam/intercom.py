"""The sound of this device itself: its microphone for everybody who listens, its loudspeaker for whoever talks.

What the microphone hears is freed of the loudspeaker's echo, amplified, and encoded once. What is said comes as packets, is
mixed at the loudspeaker's pace, and is kept for the echo canceller exactly as it is played.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from pi_cam.audio.blocks import SILENCE, SILENT_DBFS, Block, Meter, amplified
from pi_cam.audio.devices import LIBRARY, Library
from pi_cam.audio.echo import EchoCanceller, choose, is_installed
from pi_cam.audio.far import Far
from pi_cam.audio.microphone import Microphone
from pi_cam.audio.mixer import Mixer
from pi_cam.audio.pace import Pace
from pi_cam.audio.speaker import Speaker
from pi_cam.errors import PiCamError
from pi_cam.media.opus import OpusEncoder
from pi_cam.media.units import AccessUnit, AudioPacket
from pi_cam.opening import Bridge, Opening
from pi_cam.settings import Settings

AUTO, OFF = "auto", "off"

LINGER_SECONDS = 2.0
"""So long the loudspeaker stays open after the last word: opening it takes a part of the next word's time."""

LOST_BLOCKS_MOST = 50
"""More than this second, and the device was opened anew: its delay is another one."""

Emit = Callable[[AccessUnit | AudioPacket], None]
Report = Callable[[PiCamError | None], None]


class Ear:
    """The microphone as a device of a `Soundtrack`. `changed` is called, in any thread, when the canceller is given up."""

    def __init__(self, settings: Settings, far: Far, changed: Callable[[], None], library: Library = LIBRARY) -> None:
        self._changed = changed
        self._meter = Meter()
        self._canceller: EchoCanceller | None = None
        self._chosen: tuple[str, bool] | None = None
        self._begins = False
        self._settings = settings
        self._far = far
        self._emit: Emit | None = None
        self._report: Report | None = None
        self._encoder: OpusEncoder | None = None
        self._pace = Pace()
        self._gate = threading.Lock()
        self._microphone = Microphone(lambda: _device(settings, "microphone"), self._heard, self._tell, library=library)

    def start(self, emit: Emit, report: Report) -> None:
        """Returns at once. Raises `MissingPart` without the libraries."""
        self._meter, self._begins = Meter(), True
        self._encoder = OpusEncoder()
        self._pace.restart()
        with self._gate:
            self._emit, self._report = emit, report
        self._microphone.start()

    def stop(self) -> None:
        """Nothing is emitted after it returns."""
        with self._gate:
            self._emit = self._report = None
        self._microphone.stop()

    def stats(self) -> dict[str, object]:
        """As `Microphone.stats`, the level in dBFS (silence while it is closed), and how often the echo's delay jumped."""
        device = self._microphone.stats()
        level = round(self._meter.level_dbfs, 1) if device["open"] else SILENT_DBFS
        return {**device, "level_dbfs": level, "echo_slips": self._far.slips}

    @property
    def full_duplex(self) -> bool:
        """Whether both sides may talk at once: as it turned out with the settings of now, else as is to be expected."""
        wanted = self._wanted()
        if self._canceller is not None and self._chosen == wanted:
            return self._canceller.full_duplex
        return wanted[0] != OFF and is_installed()

    def _heard(self, block: Block, captured_at: float) -> None:
        if self._encoder is None:
            return
        pts = self._follow(captured_at)
        clean = self._echo_canceller().process(block, self._far.take(), self._far.was_audible())
        loud = amplified(clean, self._settings.number("microphone_gain_db"))
        said = SILENCE if _is_unheard(self._settings) else loud
        self._meter.add(said)
        packets = [AudioPacket(data, pts, captured_at) for data in self._encoder.encode(said)]
        with self._gate:
            if self._emit is not None:
                for packet in packets:
                    self._emit(packet)

    def _echo_canceller(self) -> EchoCanceller:
        """That of the settings; another one as soon as they change, and each time that the microphone is opened."""
        wanted = self._wanted()
        if self._canceller is None or self._begins or self._chosen != wanted:
            self._begins = False
            self._canceller = choose("off" if wanted[0] == OFF else "auto", wanted[1], self._changed)
            self._chosen = wanted
            self._changed()
        return self._canceller

    def _wanted(self) -> tuple[str, bool]:
        return self._settings.text("echo_cancelling"), self._settings.flag("noise_suppression")

    def _follow(self, captured_at: float) -> int:
        """The pts of a block. What the microphone lost is lost for its echo, too."""
        pts, lost = self._pace.place(captured_at)
        if self._begins or lost > LOST_BLOCKS_MOST:
            self._far.align()
        elif lost:
            self._far.skip(lost)
        return pts

    def _tell(self, trouble: PiCamError | None) -> None:
        with self._gate:
            if self._report is not None:
                self._report(trouble)


class Mouth:
    """The loudspeaker, open while somebody talks; as `transport.floor.Voices`. Its methods are called in the media loop."""

    def __init__(self, settings: Settings, bridge: Bridge, far: Far, changed: Callable[[], None]) -> None:
        self.trouble: PiCamError | None = None
        self.mixer = Mixer()
        self._settings = settings
        self._far = far
        self._changed = changed
        self._talkers: set[str] = set()
        self._report: Report | None = None
        self._speaker = Speaker(lambda: _device(settings, "loudspeaker"), self._pull, far.played, self._tell)
        self._opening = Opening(self, bridge, self)

    def join(self, talker: str) -> None:
        """Somebody begins to talk. Raises `MissingPart` without libopus."""
        self.mixer.join(talker)
        self._talkers.add(talker)
        self._opening.want(True)

    def leave(self, talker: str) -> None:
        """Somebody ends."""
        self._talkers.discard(talker)
        self.mixer.leave(talker)
        if not self._talkers:
            self._opening.let_go(LINGER_SECONDS)

    def offer(self, talker: str, sequence: int, timestamp: int, payload: bytes) -> None:
        """An Opus packet."""
        self.mixer.offer(talker, sequence, timestamp, payload)

    async def close(self) -> None:
        """Closes the loudspeaker now."""
        self._talkers.clear()
        self._opening.want(False)
        await self._opening.settled()

    def stats(self) -> dict[str, object]:
        """As `Speaker.stats`, and the mixer's; of talkers only the figures, since their ids are secret."""
        figures = self.mixer.stats()
        talkers = figures["talkers"]
        return {
            **self._speaker.stats(),
            **figures,
            "talkers": list(talkers.values()) if isinstance(talkers, dict) else [],
        }

    # As a device and a receiver of `Opening`

    def start(self, emit: Emit, report: Report) -> None:
        """Returns at once. Raises `MissingPart` without the libraries."""
        self._report = report
        self._speaker.start()

    def stop(self) -> None:
        """Closes the device."""
        self._report = None
        self._speaker.stop()
        self.mixer.cut()
        self._far.clear()

    def publish(self, unit: AccessUnit | AudioPacket) -> None:
        """A loudspeaker brings nothing."""

    def troubled(self, trouble: PiCamError | None) -> None:
        """What is wrong with the loudspeaker now."""
        if str(trouble) != str(self.trouble):
            self.trouble = trouble
            self._changed()

    def closed(self) -> None:
        """It is closed."""
        self.troubled(None)

    def _pull(self) -> Block:
        block = self.mixer.next_block()
        if self._settings.flag("loudspeaker_muted"):
            return SILENCE
        return amplified(block, self._settings.number("loudspeaker_gain_db"))

    def _tell(self, trouble: PiCamError | None) -> None:
        report = self._report
        if report is not None:
            report(trouble)


class Intercom:
    """Both. `changed` is called in the media loop when the loudspeaker's trouble changes, or the way of two-way talk."""

    def __init__(self, settings: Settings, bridge: Bridge) -> None:
        self.changed: Callable[[], None] = lambda: None
        far = Far()
        self._settings = settings
        self.ear = Ear(settings, far, lambda: bridge.post(self._changed))
        self.mouth = Mouth(settings, bridge, far, self._changed)

    def _changed(self) -> None:
        self.changed()

    def microphone_for(self, source: str) -> Ear | None:
        """What is heard instead of the sound that the camera at this address brings. `auto`: the camera on the ribbon cable
        has no sound of its own, all others may."""
        chosen = self._settings.text("microphone")
        if chosen == OFF:
            return None
        return self.ear if chosen != AUTO or source.lower().startswith("camera:") else None

    def is_unheard(self) -> bool:
        """Whether nobody is to hear anything of any camera: muted, or off."""
        return _is_unheard(self._settings)

    @property
    def is_off(self) -> bool:
        """Whether its owner lets nobody listen, at once and after a restart."""
        return self._settings.saved("microphone") == OFF

    @property
    def has_loudspeaker(self) -> bool:
        """Whether its owner lets people talk through it."""
        return self._settings.text("loudspeaker") != OFF

    def duplex(self, by_microphone: bool) -> str:
        """`full` when both may talk at once; `half` when the microphone is lowered while somebody talks; `none` when what is
        heard is brought by the camera itself: how late it comes is not known, and so its echo stays in it."""
        if not by_microphone:
            return "full" if self.is_off else "none"  # nothing is heard, nor its echo
        return "full" if self.ear.full_duplex else "half"


def _is_unheard(settings: Settings) -> bool:
    return settings.flag("microphone_muted") or settings.saved("microphone") == OFF


def _device(settings: Settings, name: str) -> str:
    chosen = settings.text(name)
    return "" if chosen == AUTO else chosen
