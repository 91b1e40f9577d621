"""The chain: each row's hash is keyed and covers the one before, so that whoever lacks the key can neither alter, remove nor
reorder rows unnoticed. A sealed record of both ends shows when rows are missing there."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pi_cam.journal.actions import Row

HASH_BYTES = 32
START = bytes(HASH_BYTES)
PURPOSE = b"pi-cam journal 1"


@dataclass(frozen=True, slots=True)
class Ends:
    """`before`: number and hash of the last row that retention took away (0 and `START` in the beginning); `last`: of the
    newest."""

    before: int = 0
    before_hash: bytes = START
    last: int = 0
    last_hash: bytes = START


def derived_key(secret: bytes, purpose: bytes) -> bytes:
    """32 bytes from the device's secret, for one purpose only (HKDF-SHA256, RFC 5869, without salt)."""
    extracted = hmac.digest(bytes(HASH_BYTES), secret, hashlib.sha256)
    return hmac.digest(extracted, purpose + b"\x01", hashlib.sha256)


class Chain:
    """Computes hashes and seals under one key."""

    def __init__(self, secret: bytes) -> None:
        self._key = derived_key(secret, PURPOSE)

    def hash(self, previous: bytes, row: Row) -> bytes:
        """The hash of a row that follows one with the hash `previous`."""
        return self._mac(b"row", previous, _canonical(row))

    def seal(self, ends: Ends) -> bytes:
        """What proves that both ends were written by us."""
        text = f"{ends.before} {ends.before_hash.hex()} {ends.last} {ends.last_hash.hex()}"
        return self._mac(b"ends", text.encode())

    def sealed(self, ends: Ends, seal: bytes) -> bool:
        """Whether this is their seal."""
        return hmac.compare_digest(self.seal(ends), seal)

    def first_fault(self, rows: Iterable[Row], ends: Ends) -> str | None:
        """A sentence about the first row that is not as it was written, or None. `rows` come in order of their ids."""
        expected, previous = ends.before + 1, ends.before_hash
        rest: Iterator[Row] = iter(rows)
        for row in rest:
            if expected > ends.last or row.id < expected:
                return f"Row {row.id} was added: it does not belong to the journal."
            if row.id != expected or not hmac.compare_digest(self.hash(previous, row), row.hash):
                return self._fault(expected, previous, row, rest)
            expected, previous = expected + 1, row.hash
        if expected <= ends.last:
            return f"Row {expected} was removed, and all that followed it."
        return None if previous == ends.last_hash else f"Row {ends.last} was altered."

    def _fault(self, expected: int, previous: bytes, row: Row, rest: Iterator[Row]) -> str:
        """Row `expected` is not here; perhaps it stands further on."""
        for other in (row, *rest):
            moved = Row(expected, *_contents(other), hash=other.hash)
            if other.id != expected and self.hash(previous, moved) in (other.hash, row.hash):
                return f"Row {expected} was reordered: it stands in the place of row {other.id}."
        return f"Row {expected} was altered." if row.id == expected else f"Row {expected} was removed."

    def _mac(self, kind: bytes, *parts: bytes) -> bytes:
        return hmac.digest(self._key, kind + b"\x00" + b"".join(parts), hashlib.sha256)


def _contents(row: Row) -> tuple[float, str, str, str, str, str, str]:
    return row.at, row.actor, row.action, row.camera, row.address, row.result, row.detail


def _canonical(row: Row) -> bytes:
    """One text for one row: JSON quotes every field, so that none can run into the next."""
    return json.dumps([row.id, *_contents(row)]).encode()
