"""The microphone and the loudspeaker: a few seconds of the room, and a tone."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator

import numpy as np

from pi_cam.audio.blocks import BLOCK_SECONDS, FULL_SCALE, SILENCE, Block, level_dbfs
from pi_cam.audio.devices import devices
from pi_cam.audio.microphone import Microphone
from pi_cam.audio.speaker import Speaker
from pi_cam.control.measures import Measure, Person, failed, measured, not_here
from pi_cam.errors import MissingPart, PiCamError
from pi_cam.media.opus import BLOCK_SAMPLES
from pi_cam.media.units import SOUND_CLOCK_HZ

ROOM_SECONDS = 3.0
TONE_SECONDS = 1.5
TONE_HZ = 1_000
TONE_LEVEL = 0.1
"""Of full scale: 20 dB below."""

HEARD_DB = 10.0
"""So much more of the tone than before, and the microphone hears the loudspeaker."""

PLUG_IN = "Where sound is wanted: plug one in, then try again."
LOOK = "Look whether another program has it, and whether the user that runs pi-cam is in the group audio."
OFF = "off"


class Sounds:
    """What a microphone gives, block by block."""

    def __init__(self) -> None:
        self.blocks: list[tuple[float, Block]] = []
        self.troubles: list[str] = []

    def take(self, block: Block, captured_at: float) -> None:
        """In the microphone's thread."""
        self.blocks.append((captured_at, block.copy()))

    def report(self, trouble: PiCamError | None) -> None:
        """In a device's thread."""
        if trouble is not None:
            self.troubles.append(str(trouble))

    def since(self, moment: float) -> list[Block]:
        """What began after it."""
        return [block for at, block in list(self.blocks) if at > moment]


class Tone:
    """1,000 Hz for as long as `sounds`, else silence."""

    def __init__(self) -> None:
        self.sounds = False
        self.blocks = 0
        steps = np.arange(BLOCK_SAMPLES) * (2 * np.pi * TONE_HZ / SOUND_CLOCK_HZ)
        # Twenty whole waves: there is no click between two blocks.
        self._block = np.rint(np.sin(steps) * TONE_LEVEL * FULL_SCALE).astype(np.int16)

    def pull(self) -> Block:
        """In the loudspeaker's thread."""
        self.blocks += self.sounds
        return self._block if self.sounds else SILENCE


def sound(microphone: str, loudspeaker: str, person: Person) -> Iterator[Measure]:
    """Two lines. `microphone`, `loudspeaker`: as the settings name them, "" for the system's own choice, "off" for none."""
    try:
        found = devices()
    except MissingPart as error:
        yield not_here("microphone", str(error), "Where sound is wanted: sudo apt install libportaudio2")
        return
    except PiCamError as error:
        yield failed("microphone", str(error), LOOK)
        return
    sounds = Sounds()
    ear = Microphone(lambda: microphone, sounds.take, sounds.report)
    hears = microphone != OFF and any(one.serves("input") for one in found)
    if hears:
        ear.start()
    try:
        if hears:
            yield _room(ear, sounds)
        else:
            yield not_here("microphone", "No microphone is connected, or it is switched off.", PLUG_IN)
        if loudspeaker != OFF and any(one.serves("output") for one in found):
            yield _tone(loudspeaker, sounds if hears else None, person)
        else:
            yield not_here("loudspeaker", "No loudspeaker is connected, or it is switched off.", PLUG_IN)
    finally:
        ear.stop()


def _room(ear: Microphone, sounds: Sounds) -> Measure:
    time.sleep(ROOM_SECONDS)
    blocks = [block for _, block in list(sounds.blocks)]
    if not blocks:
        text = sounds.troubles[-1] if sounds.troubles else "The microphone gave no sound."
        return failed("microphone", text, LOOK)
    levels = [level_dbfs(block) for block in blocks]
    stats = ear.stats()
    lost = int(str(stats["dropped"])) + int(str(stats["overflows"]))
    steps = [after - before for (before, _), (after, _) in itertools.pairwise(list(sounds.blocks))]
    uneven = max((abs(step - BLOCK_SECONDS) for step in steps), default=0.0) * 1000
    middle, loudest = statistics.median(levels), max(levels)
    text = f"The room is at {middle:.0f} dB, at most at {loudest:.0f} (0 is the loudest); {lost} losses."
    return measured(
        "microphone",
        text,
        median_dbfs=round(middle, 1),
        loudest_dbfs=round(loudest, 1),
        blocks=len(blocks),
        losses=lost,
        uneven_ms=round(uneven, 1),
    )


def _tone(device: str, sounds: Sounds | None, person: Person) -> Measure:
    tone, troubles = Tone(), Sounds()
    speaker = Speaker(lambda: device, tone.pull, lambda _: None, troubles.report)
    began = time.monotonic()
    speaker.start()
    try:
        time.sleep(TONE_SECONDS / 2)
        sounded = time.monotonic()
        tone.sounds = True
        time.sleep(TONE_SECONDS)
        tone.sounds = False
        time.sleep(TONE_SECONDS / 2)
    finally:
        speaker.stop()
    if not tone.blocks:
        text = troubles.troubles[-1] if troubles.troubles else "The loudspeaker takes no sound."
        return failed("loudspeaker", text, LOOK)
    gaps = int(str(speaker.stats()["underruns"]))
    text = f"A tone of {TONE_SECONDS:g} s was played with {gaps} gaps"
    heard = _heard(sounds, began, sounded) if sounds is not None else None
    figures: dict[str, bool | float] = {"gaps": gaps} if heard is None else {"gaps": gaps, "heard_db": round(heard, 1)}
    if heard is not None:
        text += f"; the microphone heard {heard:.0f} dB more of it" if heard > HEARD_DB else "; no microphone heard it"
    if person.is_there:
        figures["person_heard_it"] = person.asked("Did you hear a tone?")
        if not figures["person_heard_it"]:
            return failed(
                "loudspeaker",
                f"{text}; nobody heard it.",
                "Turn it up, or name another one in the settings.",
                **figures,
            )
    return measured("loudspeaker", f"{text}.", **figures)


def _heard(sounds: Sounds, began: float, sounded: float) -> float:
    """Decibels that the tone adds in the microphone."""
    quiet = [block for at, block in list(sounds.blocks) if began <= at < sounded]
    loud = sounds.since(sounded)
    return max(map(_power, loud), default=0.0) - max(map(_power, quiet), default=0.0)


def _power(block: Block) -> float:
    """Of the tone in one block, in dB (its correlation with both phases)."""
    steps = np.arange(len(block)) * (2 * np.pi * TONE_HZ / SOUND_CLOCK_HZ)
    samples = block.astype(np.float32)
    power = float(np.dot(samples, np.sin(steps)) ** 2 + np.dot(samples, np.cos(steps)) ** 2)
    return 10 * float(np.log10(max(power, 1.0)))
