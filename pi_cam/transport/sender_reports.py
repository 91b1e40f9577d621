"""Sender reports (RFC 3550, section 6.4.1) and when they are due."""

from __future__ import annotations

import math
import struct

from pi_cam.transport.rtp_packets import NTP_EPOCH

_REPORT = struct.Struct("!BBHIQIII")
_SENDER_REPORT, _DESCRIPTION, _CNAME = 200, 202, 1
_VERSION = 0x80


def described(ssrc: int, cname: str) -> bytes:
    """What goes behind each report: whose stream it is (SDES, sections 6.5 and 6.5.1). At most 255 bytes of `cname`."""
    name = cname.encode()[:255]
    items = bytes((_CNAME, len(name))) + name
    items += bytes(4 - len(items) % 4)  # one zero at least ends the list
    return struct.pack("!BBHI", _VERSION | 1, _DESCRIPTION, len(items) // 4 + 1, ssrc) + items


def sender_report(ssrc: int, ntp: int, timestamp: int, packets: int, octets: int) -> bytes:
    """`ntp`: seconds since 1900 in 64 bits, 32 of them behind the point; `timestamp`: RTP's at that moment; `packets` and
    `octets` of payload since the beginning, which are cut to 32 bits."""
    return _REPORT.pack(_VERSION, _SENDER_REPORT, 6, ssrc, ntp, timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)


def ntp_time(unix_seconds: float) -> int:
    """As a sender report has it. It begins anew in 2036 (RFC 5905, section 6)."""
    return int((unix_seconds + NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def due(now: float) -> float:
    """The turn of a second, half of one from `now` at the earliest. All leave together: what it takes is in the processor's
    caches after the first one, and it is woken once. Chance is for those who hear each other (RFC 3550, section 6.2); here
    each is alone with its viewer."""
    return math.floor(now + 0.5) + 1.0
