"""Bearer tokens for scripts: random, shown once, kept only as a hash."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pi_cam.errors import Conflict, NotFound, SettingError
from pi_cam.store import Store
from pi_cam.trust.capabilities import Capability, Person, in_order, parse_capabilities

NAME = re.compile(r"[\w][\w .-]{0,63}")
PREFIX = "pct_"
KEY = "token "


@dataclass(frozen=True, slots=True)
class TokenRow:
    """What may be shown of a token: never the token. `cameras`: those it is good for; None for all and the device."""

    name: str
    can: list[Capability]
    created_at: float
    cameras: list[str] | None = None


def hashed(secret: str) -> str:
    """What is stored of a random 256-bit secret. One round of SHA-256 is enough: nobody can guess 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Tokens:
    """Made, listed and revoked by name."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def create(self, name: str, can: Iterable[Capability], cameras: Iterable[str] | None = None) -> str:
        """The token. Raises `SettingError` for a name that makes no sense, `Conflict` for one that is taken."""
        if not NAME.fullmatch(name):
            raise SettingError("A token's name has 1 to 64 letters, digits, spaces, dots or dashes.")
        secret = PREFIX + secrets.token_urlsafe(32)
        where = None if cameras is None else json.dumps(sorted(cameras))
        try:
            with self._store.transaction(rights=True) as database:
                database.execute(
                    "INSERT INTO tokens (name, secret_hash, can, cameras, created_at) VALUES (?, ?, ?, ?, ?)",
                    (name, hashed(secret), ",".join(in_order(can)), where, self._clock()),
                )
        except sqlite3.IntegrityError:
            raise Conflict(f"There is a token named {name} already.") from None
        return secret

    def list(self) -> list[TokenRow]:
        """All, by name."""
        with self._store.transaction() as database:
            rows = database.execute("SELECT name, can, cameras, created_at FROM tokens ORDER BY name").fetchall()
        return [
            TokenRow(row["name"], in_order(parse_capabilities(row["can"])), row["created_at"], _cameras(row))
            for row in rows
        ]

    def revoke(self, name: str) -> None:
        """Raises `NotFound`."""
        with self._store.transaction(rights=True) as database:
            if not database.execute(
                "DELETE FROM tokens WHERE name = ?", (name.encode(errors="replace").decode(),)
            ).rowcount:
                raise NotFound(f"There is no token named {name}.")

    def bearer(self, secret: str) -> Person | None:
        """Who carries this token, or None."""
        with self._store.transaction() as database:
            return _bearer(database.execute(f"{_ROW} WHERE secret_hash = ?", (hashed(secret),)).fetchone())

    def now(self, database: sqlite3.Connection, key: str) -> Person | None:
        """What the token of this bearer's key is worth at this moment."""
        return _bearer(database.execute(f"{_ROW} WHERE name = ?", (key.removeprefix(KEY),)).fetchone())


_ROW = "SELECT name, can, cameras FROM tokens"


def _bearer(row: sqlite3.Row | None) -> Person | None:
    if row is None:
        return None
    can, cameras = parse_capabilities(row["can"]), _cameras(row)
    on = dict.fromkeys(cameras or (), can)
    everywhere = can if cameras is None else frozenset[Capability]()
    return Person(KEY + row["name"], f"token {row['name']}", None, everywhere, None, on)


def _cameras(row: sqlite3.Row) -> list[str] | None:
    return None if row["cameras"] is None else list(json.loads(row["cameras"]))
