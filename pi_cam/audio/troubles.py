"""What can be wrong with a microphone or a loudspeaker, as errors whose sentences a page may show."""

from __future__ import annotations

from typing import Literal

from pi_cam.errors import SourceError, SourceUnreachable, SourceUnsupported

Direction = Literal["input", "output"]
"""A microphone is an input, a loudspeaker an output."""


def absent(direction: Direction) -> SourceError:
    """No device of this direction at all."""
    if direction == "input":
        return SourceUnreachable("No microphone is connected.")
    return SourceUnreachable("No loudspeaker is connected.")


def unplugged(direction: Direction, name: str) -> SourceError:
    """The one that the setting names is not there."""
    if direction == "input":
        return SourceUnreachable(f"The microphone {name} is not connected.")
    return SourceUnreachable(f"The loudspeaker {name} is not connected.")


def busy(direction: Direction) -> SourceError:
    """ALSA gives a device without a sound server to one program at a time."""
    if direction == "input":
        return SourceError("The microphone is in use by another program.")
    return SourceError("The loudspeaker is in use by another program.")


def silent(direction: Direction) -> SourceError:
    """It was open, and no block was asked for or given any more."""
    if direction == "input":
        return SourceUnreachable("The microphone no longer sends sound.")
    return SourceUnreachable("The loudspeaker no longer takes sound.")


def shut(direction: Direction) -> SourceError:
    """It is listed, and the system does not open it: what is left of a device that was pulled out."""
    if direction == "input":
        return SourceUnreachable("The microphone does not open: unplug it, and plug it in again.")
    return SourceUnreachable("The loudspeaker does not open: unplug it, and plug it in again.")


def unsuited(direction: Direction) -> SourceError:
    """Neither 48 kHz nor its own rate, no single channel, or no 16 bits."""
    if direction == "input":
        return SourceUnsupported("The microphone gives no form of sound that can be used here: choose another one.")
    return SourceUnsupported("The loudspeaker takes no form of sound that can be used here: choose another one.")


def failed(direction: Direction) -> SourceError:
    """Anything else; what the library said is in the log."""
    if direction == "input":
        return SourceError("The microphone's driver failed; the log says more.")
    return SourceError("The loudspeaker's driver failed; the log says more.")


def unanswering() -> SourceError:
    """Some driver has kept PortAudio for seconds."""
    return SourceUnreachable("The sound devices do not answer.")


def broken(direction: Direction) -> SourceError:
    """A fault of our own; the log has its traceback."""
    if direction == "input":
        return SourceError("The microphone was stopped by a fault of the program; its log says more.")
    return SourceError("The loudspeaker was stopped by a fault of the program; its log says more.")
