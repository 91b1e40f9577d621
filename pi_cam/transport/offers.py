"""What may stand in an offer, before any of it reaches the WebRTC library."""

from __future__ import annotations

import re

from pi_cam.errors import OfferRefused
from pi_cam.transport.candidates import without_unusable

MAX_OFFER_BYTES = 64 * 1024
MAX_LINES = 2_000
LATENCIES = ("smooth", "low")

_SECTION = re.compile(r"^m=(\S*)", re.MULTILINE)
_BUNDLE = "a=group:BUNDLE"


def check_offer(sdp: str) -> str:
    """The offer, ready for the library. Raises `OfferRefused` with a sentence.

    One picture section that wants to receive, at most one sound section, nothing else: whatever more the library would
    agree to (a data channel, a second picture) would cost threads and sockets that nobody uses. Candidates that are not
    used (`transport.candidates`) are taken out.
    """
    if len(sdp.encode(errors="replace")) > MAX_OFFER_BYTES:
        raise OfferRefused("This offer is too large.")
    lines = sdp.splitlines()  # as the library does: what is a line for it must be one here
    if not sdp.startswith("v=0") or len(lines) > MAX_LINES or "\x00" in sdp:
        raise OfferRefused("This is not a session description.")
    kinds = _SECTION.findall("\n".join(lines))
    if kinds.count("video") != 1 or kinds.count("audio") > 1 or set(kinds) - {"video", "audio"}:
        raise OfferRefused("An offer has one picture section, at most one sound section, and nothing else.")
    if not _wants_picture(lines):
        raise OfferRefused("The picture section of this offer does not want to receive.")
    if not _bundles_what_is_there(lines):
        raise OfferRefused("This offer bundles sections that it does not have.")
    return "\r\n".join([*without_unusable(lines), ""])


def checked_latency(wish: object) -> str | None:
    """Which delay a page chose; None: none. Raises `OfferRefused`."""
    if wish not in (None, *LATENCIES):
        raise OfferRefused("The latency of an offer is smooth or low.")
    return str(wish) if wish else None


def has_sound(sdp: str) -> bool:
    """Whether a checked offer has a sound section."""
    return any(line.startswith("m=audio") for line in sdp.splitlines())


def opus_type(sdp: str) -> int:
    """The payload type of Opus in a session description; -1 where there is none."""
    found = re.search(r"^a=rtpmap:(\d{1,3}) opus/48000", sdp, re.MULTILINE | re.IGNORECASE)
    return int(found[1]) if found else -1


def _wants_picture(lines: list[str]) -> bool:
    picture = False
    for line in lines:
        if line.startswith("m="):
            picture = line.startswith("m=video ") and not line.startswith("m=video 0 ")
        elif picture and line in ("a=sendonly", "a=inactive"):
            return False
    return any(line.startswith("m=video ") and not line.startswith("m=video 0 ") for line in lines)


def _bundles_what_is_there(lines: list[str]) -> bool:
    """The library would leave a section of a broken group without transport, and then fail to close the connection."""
    names = [line.removeprefix("a=mid:") for line in lines if line.startswith("a=mid:")]
    bundled = [name for line in lines if line.startswith(_BUNDLE) for name in line.removeprefix(_BUNDLE).split()]
    return len(set(names)) == len(names) and set(bundled) <= set(names)
