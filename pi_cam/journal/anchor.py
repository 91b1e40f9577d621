"""`journal.anchor`: number and hash of a late row, sealed, outside the database. It shows when an older copy of the journal
was put in its place, when its end was cut together with the record of its ends, or when it was begun anew."""

from __future__ import annotations

import json
from pathlib import Path

from pi_cam import durable
from pi_cam.journal.chain import START, Chain, Ends

NAME = "journal.anchor"


class Anchor:
    """Written after the rows that it names, so that it is never ahead of them after a power cut."""

    def __init__(self, folder: Path, chain: Chain) -> None:
        self._path = folder / NAME
        self._chain = chain

    def read(self) -> tuple[int, bytes] | None:
        """The row that it names; None where there is none, or one that is not ours."""
        try:
            said = json.loads(self._path.read_text("ascii"))
            last, last_hash, seal = int(said["last"]), bytes.fromhex(said["hash"]), bytes.fromhex(said["seal"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return (last, last_hash) if self._chain.sealed(_ends(last, last_hash), seal) else None

    def write(self, last: int, last_hash: bytes) -> None:
        """Names another row. Raises `OSError`."""
        seal = self._chain.seal(_ends(last, last_hash))
        text = json.dumps({"last": last, "hash": last_hash.hex(), "seal": seal.hex()})
        durable.replace(self._path, text.encode("ascii"))


def _ends(last: int, last_hash: bytes) -> Ends:
    """-1: no record of the database's own, which could be copied from there, has it."""
    return Ends(-1, START, last, last_hash)
