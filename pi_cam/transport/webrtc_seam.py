"""The only file that touches private names of aiortc. Each is looked for first; where one is missing the feature that needs
it is off, and `missing` says which.

Written against aiortc 1.16 (`rtcrtpsender.py`, `codecs/__init__.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from aiortc import RTCRtpSender, codecs, rtcrtpsender
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters

PACKET_HISTORY = 1024
"""Packets a viewer may ask for again. aiortc keeps 128: less than one 1080p keyframe."""

EXTRA_PROFILES = ("4d001f", "64001f", "640c1f")
"""Main, High and Constrained High beside aiortc's two Baselines, so that the answer can name what the camera sends."""

_FIRST_EXTRA_PAYLOAD_TYPE = 110


def prepare() -> None:
    """Widens aiortc's tables once per process."""
    rtcrtpsender.RTP_HISTORY_SIZE = PACKET_HISTORY  # type: ignore[attr-defined]
    known = {codec.parameters.get("profile-level-id") for codec in codecs.CODECS["video"]}
    for index, profile in enumerate(EXTRA_PROFILES):
        if profile not in known:
            codecs.CODECS["video"] += _h264(profile, _FIRST_EXTRA_PAYLOAD_TYPE + 2 * index)


def on_keyframe_request(sender: RTCRtpSender, ask: Callable[[], None]) -> None:
    """Calls `ask` for each PLI or FIR of this viewer. aiortc only sets a flag, which nothing reads for encoded packets."""
    if hasattr(sender, "_send_keyframe"):
        sender._send_keyframe = ask  # type: ignore[method-assign]


def last_rtp_timestamp(sender: RTCRtpSender) -> int | None:
    """The RTP timestamp of the packet sent last, 32 bits; None before the first, or when it cannot be known."""
    if not getattr(sender, "_RTCRtpSender__packet_count", 0):
        return None
    timestamp = getattr(sender, "_RTCRtpSender__rtp_timestamp", None)
    return timestamp if isinstance(timestamp, int) else None


def missing() -> list[str]:
    """What this release of aiortc lacks of what is used here; empty when all is well."""
    found = {
        "keyframe requests": hasattr(RTCRtpSender, "_send_keyframe"),
        "packet history": hasattr(rtcrtpsender, "RTP_HISTORY_SIZE"),
        "delay on the page": "_RTCRtpSender__rtp_timestamp" in RTCRtpSender.__init__.__code__.co_names,
    }
    return [name for name, there in found.items() if not there]


def _h264(profile_level_id: str, payload_type: int) -> list[RTCRtpCodecParameters]:
    feedback = [RTCRtcpFeedback("nack"), RTCRtcpFeedback("nack", "pli"), RTCRtcpFeedback("goog-remb")]
    return [
        RTCRtpCodecParameters(
            mimeType="video/H264",
            clockRate=90000,
            payloadType=payload_type,
            rtcpFeedback=feedback,
            parameters={
                "level-asymmetry-allowed": "1",
                "packetization-mode": "1",
                "profile-level-id": profile_level_id,
            },
        ),
        RTCRtpCodecParameters(
            mimeType="video/rtx", clockRate=90000, payloadType=payload_type + 1, parameters={"apt": payload_type}
        ),
    ]
