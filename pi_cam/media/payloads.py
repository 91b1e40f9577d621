"""An access unit as RTP payloads (RFC 6184, packetization mode 1): made once, for however many viewers."""

from __future__ import annotations

from pi_cam.media.h264 import split_nal_units

PAYLOAD_BYTES = 1200
"""With all that is put around it, a datagram of this stays below the 1,280 bytes of the smallest IPv6 path but for its last
few, and below the 1,472 of Ethernet by far: what tunnels and relays add finds room."""

STAP_A, FU_A = 24, 28
_NRI = 0x60
_START, _END = 0x80, 0x40


def payloads(data: bytes, most: int = PAYLOAD_BYTES) -> list[bytes]:
    """The RTP payloads of Annex B bytes, none longer than `most`; empty when there is no NAL unit in them.

    Small units that follow each other share a payload (STAP-A, 5.7.1). A large one is cut (FU-A, 5.8) into pieces of equal
    size but the last, so that the kernel can be handed all of them at once (UDP segmentation).
    """
    found: list[bytes] = []
    small: list[bytes] = []
    room = most
    for unit in split_nal_units(data):
        if small and len(unit) + 2 > room:
            found.append(_together(small))
            small, room = [], most
        needed = len(unit) + (2 if small else 3)
        if needed <= room:
            small.append(unit)
            room -= needed
        elif len(unit) <= most:
            found.append(unit)
        else:
            found += _fragments(unit, most)
    if small:
        found.append(_together(small))
    return found


def _together(units: list[bytes]) -> bytes:
    if len(units) == 1:
        return units[0]
    header = STAP_A | max(unit[0] & _NRI for unit in units)
    return bytes([header]) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def _fragments(unit: bytes, most: int) -> list[bytes]:
    indicator, kind, body = unit[0] & 0xE0 | FU_A, unit[0] & 0x1F, len(unit) - 1
    count = -(-body // (most - 2))
    size = -(-body // count)
    count = -(-body // size)  # of very many pieces, evened out, the last may hold nothing
    heads = [bytes([indicator, kind])] * count
    heads[0] = bytes([indicator, kind | _START])
    heads[-1] = bytes([indicator, kind | _END])
    return [head + unit[1 + at * size : 1 + (at + 1) * size] for at, head in enumerate(heads)]
