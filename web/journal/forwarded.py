"""Rows of a device's journal as they stand at its portal: a chain of their own, which anybody can check.

The device's own chain is keyed, so that whoever has the file cannot make another one; nobody else can check it. On the way
to the portal rows get a number of their own, from 1 on, and a hash over the one before, without a key; what proves that
they are the device's is the *head*, number and hash of the last row, signed by the device's key. Whoever changes, takes
away or adds a row, the last ones too, has no head that fits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

HASH_BYTES = 32
PROTOCOL = b"pi-cam.v1"
HEAD_PURPOSE = "journal-head"
"""What a head is signed for; see `head_text`."""

LONGEST_WORD = 100
LONGEST_DETAIL = 1000
LARGEST_NUMBER = 2**53


@dataclass(frozen=True, slots=True)
class Forwarded:
    """`seq`: its number at the portal. `at`: milliseconds since 1970, UTC, as the device's clock then said. `detail`: JSON
    text. Where somebody came from (their address at home) stays at home."""

    seq: int
    at: int
    actor: str
    action: str
    camera: str
    result: str
    detail: str

    def hash(self, previous: bytes) -> bytes:
        """32 bytes, for a row that follows one with the hash `previous`."""
        text = json.dumps(
            [self.seq, self.at, self.actor, self.action, self.camera, self.result, self.detail], separators=(",", ":")
        )
        return hashlib.sha256(PROTOCOL + b"\njournal-row\n" + previous + text.encode("ascii")).digest()


def beginning(portal: str, device: str) -> bytes:
    """What stands in the place of a hash before the first row: so no row fits at another device, or at another portal."""
    return hashlib.sha256(PROTOCOL + f"\njournal\n{portal}\n{device}".encode()).digest()


def head_text(device: str, seq: int, row_hash: bytes, at: int) -> str:
    """What the device signs (for `HEAD_PURPOSE`, together with the portal's address): its last row, and when it signed, in
    milliseconds since 1970."""
    return f"{device} {seq} {row_hash.hex()} {at}"


def first_fault(rows: Iterable[tuple[Forwarded, bytes]], seq: int, previous: bytes) -> tuple[int, bytes, int | None]:
    """`rows` with their hashes, in order, after row `seq` whose hash is `previous`. Number and hash of the last one up to
    which all is whole, and the number of the first one that is missing or was changed; None when there is none."""
    for row, row_hash in rows:
        if row.seq != seq + 1 or row.hash(previous) != row_hash:
            return seq, previous, seq + 1
        seq, previous = row.seq, row_hash
    return seq, previous, None
