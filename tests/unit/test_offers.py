"""Hostile offers: refused with a sentence, before and inside the WebRTC library, and nothing is left of them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_cam.errors import OfferRefused
from pi_cam.media.units import AccessUnit
from pi_cam.transport.ice import Ice
from pi_cam.transport.offers import MAX_OFFER_BYTES, check_offer, has_sound
from pi_cam.transport.viewers import Visitor
from pi_cam.transport.webrtc_peer import WebRtcPeer
from pi_cam.transport.webrtc_tracks import PlainPictures, PlainSound
from tests.unit.real_offer import AUDIO, DATA, OFFER, VIDEO, offer


def test_a_browsers_offer_passes_without_its_hidden_candidates() -> None:
    checked = check_offer(OFFER)
    assert ".local" not in checked
    assert "192.0.2.7" in checked
    assert has_sound(checked)
    assert not has_sound(check_offer(offer(VIDEO)))
    assert checked.count("\r\n") == OFFER.count("\r\n") - 1


def test_line_ends_may_be_those_of_unix() -> None:
    assert check_offer(OFFER.replace("\r\n", "\n")) == check_offer(OFFER)


@pytest.mark.parametrize(
    ("sdp", "sentence"),
    [
        ("", "not a session description"),
        ("hello", "not a session description"),
        ("\0" + OFFER, "not a session description"),
        (OFFER + "a=x:\0\r\n", "not a session description"),
        ("v=0\n" * 3_000, "not a session description"),
        (OFFER + "x" * 1_000_000, "too large"),
        (OFFER + "é" * (MAX_OFFER_BYTES - len(OFFER)), "too large"),
        (offer(), "one picture section"),
        (offer(AUDIO), "one picture section"),
        (offer(VIDEO, VIDEO), "one picture section"),
        (offer(VIDEO, AUDIO, AUDIO), "one picture section"),
        (offer(VIDEO, DATA), "one picture section"),
        (offer(VIDEO, AUDIO, DATA), "one picture section"),
        (offer(VIDEO, DATA.replace("m=application", "m=x-new")), "one picture section"),
        (offer(VIDEO.replace("recvonly", "sendonly")), "does not want to receive"),
        (offer(VIDEO.replace("recvonly", "inactive")), "does not want to receive"),
        (offer(VIDEO.replace("m=video 9", "m=video 0")), "does not want to receive"),
        (OFFER.replace("BUNDLE 0 1", "BUNDLE 7 0 1"), "bundles sections that it does not have"),
        (OFFER.replace("a=mid:1", "a=mid:0"), "bundles sections that it does not have"),
        (OFFER.replace("a=mid:0", "a=mid:"), "bundles sections that it does not have"),
        (offer(VIDEO + "\x0b" + DATA), "one picture section"),
        (offer(VIDEO + "\u2028" + VIDEO), "one picture section"),
    ],
    ids=itertools.count(),
)
def test_what_does_not_ask_for_one_picture_is_refused(sdp: str, sentence: str) -> None:
    with pytest.raises(OfferRefused, match=sentence):
        check_offer(sdp)


@given(st.one_of(st.text(), st.lists(st.sampled_from(OFFER.splitlines())).map("\r\n".join)))
def test_any_text_is_refused_or_passed_on_as_lines(text: str) -> None:
    try:
        checked = check_offer(text)
    except OfferRefused:
        return
    assert "\r\nm=video" in checked


@dataclass
class NoUnits:
    """A subscription to nothing."""

    closed: bool = False

    def arm(self) -> None:
        pass

    async def next(self) -> AccessUnit | None:
        await asyncio.Event().wait()
        return None

    def close(self) -> None:
        self.closed = True


def peer_for(units: NoUnits, reasons: list[str]) -> WebRtcPeer:
    return WebRtcPeer(
        camera="main",
        visitor=Visitor("user 1", "Ada", None),
        pictures=PlainPictures(units, lambda: None),
        ear=PlainSound(None, lambda: None),
        ice=Ice(),
        connect_seconds=5,
        ended=reasons.append,
    )


async def answer_to(sdp: str) -> str | None:
    """The answer of a new peer, or None when it refuses. Whatever else it raises is a failure."""
    units, reasons = NoUnits(), list[str]()
    peer = peer_for(units, reasons)
    try:
        return await peer.answer(sdp, None)
    except OfferRefused:
        return None
    finally:
        await peer.close("goodbye")
        await peer.close("again")
        assert units.closed
        assert reasons == ["goodbye"]


def test_a_browsers_offer_is_answered_with_h264() -> None:
    answer = asyncio.run(answer_to(OFFER))
    assert answer is not None
    assert "H264/90000" in answer
    assert "VP8" not in answer
    assert answer.count("a=sendonly") == 2


def test_an_offer_cut_off_anywhere_is_answered_or_refused() -> None:
    async def run() -> None:
        for end in range(0, len(OFFER), 11):
            await answer_to(OFFER[:end])

    asyncio.run(run())


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ("H264", "VP9"),
        (" 96 102 103", ""),
        (" 96 102 103", " 999999999999 -1 x"),
        ("a=rtpmap:102", "a=rtpmap:xx"),
        ("a=mid:0", "a=mid:"),
        ("a=mid:1", "a=mid:0"),
        ("BUNDLE 0 1", "BUNDLE 7 8 9"),
        ("a=fingerprint:sha-256", "a=fingerprint:sha-0"),
        ("a=fingerprint:sha-256 A1", "a=fingerprint:"),
        ("a=setup:actpass", "a=setup:both"),
        ("a=setup:actpass\r\n", ""),
        ("a=ice-ufrag:Xa9z\r\n", ""),
        ("a=ice-pwd:0123456789abcdefghijklmn", "a=ice-pwd:"),
        ("192.0.2.7 54322", "999.0.2.7 99999999"),
        ("typ host", "typ"),
        ("c=IN IP4 0.0.0.0", "c=IN"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        ("profile-level-id=42e01f", "profile-level-id=zz"),
        ("packetization-mode=1", "packetization-mode"),
        ("opus/48000/2", "opus/x/y"),
        ("a=rtcp-mux\r\n", ""),
        ("t=0 0", "t="),
        ("o=-", "o="),
        ("a=recvonly", "a=recvonly\r\na=extmap:99999 x\r\na=ssrc:-1 cname\r\na=ssrc-group:FID"),
    ],
)
def test_a_damaged_offer_is_answered_or_refused(what: str, instead: str) -> None:
    assert what in OFFER
    asyncio.run(answer_to(OFFER.replace(what, instead)))


LINES = OFFER.splitlines()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, len(LINES) - 1), st.integers(0, 60), st.text(max_size=12))
def test_an_offer_with_one_line_mangled_is_answered_or_refused(number: int, cut: int, text: str) -> None:
    mangled = [*LINES[:number], LINES[number][:cut] + text, *LINES[number + 1 :], ""]
    asyncio.run(answer_to("\r\n".join(mangled)))


@pytest.mark.parametrize(
    "candidate",
    ["", "x", "candidate:", "candidate:1 1 udp x y z", "candidate:1 1 udp x 192.0.2.8 1 typ host", "é" * 100],
)
def test_a_candidate_that_makes_no_sense_is_refused_and_too_many_are_ignored(candidate: str) -> None:
    async def run() -> None:
        peer = peer_for(NoUnits(), [])
        await peer.answer(OFFER, None)
        with pytest.raises(OfferRefused, match="candidate makes no sense"):
            await peer.add_candidate(candidate, "0", 0)
        for hostile in (
            "candidate:" + "9 " * 40,
            "candidate:1 1 udp 1 \0 1 typ host",
            "candidate:1 1 udp 1 a.local 1 typ host",
        ):
            with contextlib.suppress(OfferRefused):
                await peer.add_candidate(hostile, "0", 0)
        for _ in range(60):
            await peer.add_candidate("candidate:2 1 udp 2113937150 192.0.2.8 54322 typ host", "0", 0)
        await peer.close("goodbye")

    asyncio.run(run())
