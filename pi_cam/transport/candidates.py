"""Which ICE candidates of a viewer are used (RFC 8839, 5.1): each makes the camera send packets to where it says."""

from __future__ import annotations

import ipaddress
import re

MAX_CANDIDATES = 30
"""A browser has one per network address and server: a handful. Each more costs connectivity checks."""

END = "a=end-of-candidates"

METADATA = ipaddress.ip_address("169.254.169.254")
"""Where clouds keep a machine's secrets."""

_FIELDS = re.compile(
    r"(?:a=)?candidate:[\w+/]{1,32} (?P<component>\d{1,3}) (?P<transport>\w{3,8}) \d{1,10} (?P<host>\S{1,255})"
    r" (?P<port>\d{1,5}) typ (?:host|srflx|prflx|relay)\b[^\x00-\x1f]*",
    re.ASCII | re.IGNORECASE,
)


def is_candidate(line: str) -> bool:
    """Whether this line of a description is one, good or bad."""
    return line.startswith(("a=candidate:", "candidate:"))


def is_usable(candidate: str) -> bool:
    """False for one that is left out: hidden behind a `.local` name (looking it up costs up to a second, and the
    connection finds the address by itself, RFC 8445 7.3.1.3), not UDP, or not the address of another machine.

    Raises `ValueError` for one that makes no sense.
    """
    found = _FIELDS.fullmatch(candidate.strip())
    if found is None or int(found["port"]) > 65535 or not 1 <= int(found["component"]) <= 256:
        raise ValueError("not a candidate")
    if found["host"].lower().endswith(".local") or found["transport"].lower() != "udp" or found["port"] == "0":
        return False
    address = ipaddress.ip_address(found["host"])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return _is_another_machine(mapped or address)


def _is_another_machine(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    nowhere = address.is_loopback or address.is_multicast or address.is_unspecified
    return not nowhere and address != METADATA and str(address) != "255.255.255.255"


def without_unusable(lines: list[str]) -> list[str]:
    """A description's lines with its first `MAX_CANDIDATES` usable candidates and no other. Nor does it say that these are
    all (RFC 8840, section 8.2): the library would give up at once where none is usable, but a viewer whose own checks arrive
    is found by them."""
    kept: list[str] = []
    count = 0
    for line in lines:
        if is_candidate(line):
            if count >= MAX_CANDIDATES or not _is_good(line):
                continue
            count += 1
        if line != END:
            kept.append(line)
    return kept


def _is_good(line: str) -> bool:
    try:
        return is_usable(line)
    except ValueError:
        return False
