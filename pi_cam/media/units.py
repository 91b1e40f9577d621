"""What flows through the pipeline. This module sits at the bottom and imports nothing of ours."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

VIDEO_CLOCK_HZ = 90_000
"""RTP clock of H.264 (RFC 6184, section 8.2.1)."""


SOUND_CLOCK_HZ = 48_000
"""RTP clock of Opus, whatever the sound's own rate (RFC 7587, section 4.1)."""


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One encoded picture.

    `data`: H.264 in Annex B form, SPS and PPS before every keyframe. `pts`: presentation time in 90 kHz ticks, not
    wrapped. `keyframe`: true for an IDR picture. `captured_at`: seconds of `time.monotonic()` when light hit the sensor,
    as near as the source can tell (a network camera: when it arrives if nothing delays it). `ready_at`: when this unit was
    made. `encoded_here`: what lies between the two is this device's own encoding; else it was encoded before it came.
    """

    data: bytes
    pts: int
    keyframe: bool
    captured_at: float
    encoded_here: bool = False
    ready_at: float = field(default_factory=time.monotonic, compare=False)


@dataclass(frozen=True, slots=True)
class AudioPacket:
    """20 ms of encoded sound.

    `data`: one Opus packet. `pts`: 48 kHz ticks, not wrapped, in steps of 960. `captured_at`: seconds of
    `time.monotonic()` when its first sample was heard.
    """

    data: bytes
    pts: int
    captured_at: float
