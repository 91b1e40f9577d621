"""Which of the offered H.264 formats the answer picks (RFC 6184, 8.2.2): the camera's own profile, and mode 1 always."""

from __future__ import annotations

import asyncio
import re

import pytest
from aiortc.sdp import SessionDescription

from pi_cam.errors import OfferRefused
from pi_cam.transport import webrtc_seam
from pi_cam.transport.ice import Ice
from pi_cam.transport.viewers import Visitor
from pi_cam.transport.webrtc_peer import WebRtcPeer
from pi_cam.transport.webrtc_seam_memory import ESTIMATOR
from pi_cam.transport.webrtc_tracks import PlainPictures, PlainSound
from tests.unit.real_offer import VIDEO, offer

FORMATS = {
    102: ("42001f", 1),
    104: ("42001f", 0),
    106: ("42e01f", 1),
    108: ("42e01f", 0),
    112: ("4d001f", 1),
    114: ("4d001f", 0),
    116: ("64001f", 1),
    118: ("640c1f", 1),
}


class NoUnits:
    def arm(self) -> None:
        return

    async def next(self) -> None:
        await asyncio.Event().wait()

    def close(self) -> None:
        return


def chromium_offer(types: list[int]) -> str:
    """A browser's picture section with VP8 first, and these H.264 formats."""
    rtpmaps = "\n".join(
        f"a=rtpmap:{kind} H264/90000\na=rtcp-fb:{kind} nack pli\na=fmtp:{kind} level-asymmetry-allowed=1;"
        f"packetization-mode={FORMATS[kind][1]};profile-level-id={FORMATS[kind][0]}"
        for kind in types
    )
    kept = re.sub(r"a=(rtpmap|rtcp-fb|fmtp):10[23].*\n?", "", VIDEO).rstrip()
    section = f"{kept}\n{rtpmaps}".replace("SAVPF 96 102 103", f"SAVPF 96 {' '.join(map(str, types))}")
    return offer(section)


async def answered(types: list[int], camera_sends: str | None) -> tuple[int, str, int]:
    """The first payload type of the answer, its profile and its mode."""
    webrtc_seam.prepare()
    peer = WebRtcPeer(
        camera="main",
        visitor=Visitor("user 1", "Ada", None),
        pictures=PlainPictures(NoUnits(), lambda: None),
        ear=PlainSound(None, lambda: None),
        ice=Ice(),
        connect_seconds=5,
        ended=lambda reason: None,
    )
    try:
        answer = await peer.answer(chromium_offer(types), camera_sends)
        (video,) = peer._connection.getTransceivers()
        assert getattr(video.receiver, ESTIMATOR) is None, "nothing is estimated of what never comes"
    finally:
        await peer.close("done")
    codec = SessionDescription.parse(answer).media[0].rtp.codecs[0]
    mode = int(str(codec.parameters["packetization-mode"]))
    return codec.payloadType or 0, str(codec.parameters["profile-level-id"]), mode


@pytest.mark.parametrize(
    ("camera_sends", "picked"),
    [
        (None, 106),
        ("42c01f", 106),  # Constrained Baseline, as our own encoder writes it
        ("42001e", 102),
        ("4d0028", 112),  # Main at level 4.0: the level of an offer is what a browser decodes at least
        ("640028", 116),
        ("640c28", 118),
        ("f40028", 106),  # High 4:4:4 is not offered: what all browsers know
    ],
)
def test_the_camera_s_own_profile_is_picked(camera_sends: str | None, picked: int) -> None:
    kind, profile, mode = asyncio.run(answered(sorted(FORMATS), camera_sends))
    assert (kind, mode) == (picked, 1)
    assert profile[:4] == FORMATS[picked][0][:4]


def test_where_it_is_not_offered_another_h264_is() -> None:
    assert asyncio.run(answered([102], "640028"))[0] == 102


def test_without_mode_1_or_without_h264_there_is_no_answer() -> None:
    for types in ([104, 108, 114], []):
        with pytest.raises(OfferRefused, match=r"H\.264"):
            asyncio.run(answered(types, None))
