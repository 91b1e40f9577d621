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


def refused(direction: Direction, cause: str) -> SourceError:
    """PortAudio's own words for anything else."""
    if direction == "input":
        return SourceUnsupported(f"The microphone cannot be opened: {cause}.")
    return SourceUnsupported(f"The loudspeaker cannot be opened: {cause}.")


def unanswering() -> SourceError:
    """Some driver has kept PortAudio for seconds."""
    return SourceUnreachable("The sound devices do not answer.")


def broken(direction: Direction) -> SourceError:
    """A fault of our own; the log has its traceback."""
    if direction == "input":
        return SourceError("The microphone was stopped by a fault of the program; its log says more.")
    return SourceError("The loudspeaker was stopped by a fault of the program; its log says more.")
