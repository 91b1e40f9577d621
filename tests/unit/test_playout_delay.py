"""The wish for no jitter buffer, in the packets of aiortc's own sender: as it stands in those that are made for all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket, unpack_header_extensions

from pi_cam.transport.rtp_packets import NTP_EPOCH, Shape
from pi_cam.transport.webrtc_seam import EXTENSIONS, PLAYOUT_DELAY, ask_for_no_buffer

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
NOW = 1_700_000_000.25


def asking(**negotiated: int) -> Any:
    """The map of a sender that asks, after these ids were negotiated."""
    sender: Any = SimpleNamespace(**{EXTENSIONS: HeaderExtensionsMap()})
    ask_for_no_buffer(sender)
    uris = {"mid": MID, "abs_send_time": ABS_SEND_TIME, "playout_delay": PLAYOUT_DELAY}
    extensions = [RTCRtpHeaderExtensionParameters(id=found, uri=uris[name]) for name, found in negotiated.items()]
    found = getattr(sender, EXTENSIONS)
    found.configure(RTCRtpParameters(headerExtensions=extensions))
    return found


def values() -> HeaderExtensions:
    return HeaderExtensions(mid="0", abs_send_time=int((NOW + NTP_EPOCH) * (1 << 18)) & 0xFFFFFF)


@pytest.mark.parametrize("playout_delay", [0, 4, 14])
def test_both_senders_write_the_same(playout_delay: int) -> None:
    packet = RtpPacket(payload_type=110, payload=b"x")
    packet.extensions = values()
    negotiated = {"playout_delay": playout_delay} if playout_delay else {}
    written = packet.serialize(asking(mid=1, abs_send_time=2, **negotiated))
    shape = Shape(110, b"0", mid_id=1, abs_send_time_id=2, playout_delay_id=playout_delay)
    assert written[12:-1] == shape.extensions(NOW)


def test_it_is_written_where_nothing_else_is() -> None:
    assert unpack_header_extensions(*asking(playout_delay=3).set(HeaderExtensions())) == [(3, bytes(3))]


def test_an_id_beyond_the_short_form_takes_the_long_one() -> None:
    profile, found = asking(mid=1, playout_delay=15).set(HeaderExtensions(mid="0"))
    assert (profile, unpack_header_extensions(profile, found)) == (0x1000, [(1, b"0"), (15, bytes(3))])


def test_a_release_without_the_map_is_left_as_it_is() -> None:
    sender: Any = SimpleNamespace()
    ask_for_no_buffer(sender)
    assert vars(sender) == {}
