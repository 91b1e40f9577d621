"""The portal that this device belongs to: none, one that waits for somebody at home to say yes, or one that was accepted."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from pi_cam.errors import Conflict, NotFound
from pi_cam.store import Store
from pi_cam.trust import portal_keys
from pi_cam.trust.portal_keys import KeySet

GOODBYE_SECONDS = 30 * 86_400.0
"""So long a portal that cannot be reached is told that this device left it."""


@dataclass(frozen=True, slots=True)
class Portal:
    """`address`: its origin, which is also the issuer of what it signs. `owner`: who claimed this device there, as far as
    the portal shows it (`a***@example.org`). `accepted`: somebody at home said yes; before, nobody comes in from there."""

    address: str
    owner: str
    keys: KeySet
    accepted: bool
    paired_at: float


class Pairing:
    """Kept in the store. Any thread."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def portal(self) -> Portal | None:
        """The present one."""
        with self._store.transaction() as database:
            row = database.execute("SELECT * FROM portal").fetchone()
        return _portal(row) if row else None

    def accepted(self) -> Portal | None:
        """The present one, if it was accepted."""
        portal = self.portal()
        return portal if portal is not None and portal.accepted else None

    def claimed(self, address: str, owner: str, keys: KeySet) -> Portal:
        """Somebody claimed this device there. Raises `Conflict` while it belongs to a portal: unpair first."""
        with self._store.transaction(rights=True) as database:
            if database.execute("SELECT 1 FROM portal WHERE accepted = 1").fetchone():
                raise Conflict("This device is paired already. Unpair it first.")
            database.execute("DELETE FROM portal")
            database.execute(
                "DELETE FROM portal_goodbyes WHERE address = ?", (address,)
            )  # or it would end this pairing
            database.execute(
                "INSERT INTO portal (id, address, owner, keys, accepted, paired_at) VALUES (1, ?, ?, ?, 0, ?)",
                (address, owner, _written(keys), self._clock()),
            )
            row = database.execute("SELECT * FROM portal").fetchone()
        return _portal(row)

    def accept(self, owner: str) -> None:
        """Somebody at home says yes to this owner: the one that was shown. Raises `NotFound`, `Conflict` when it is another
        one by now."""
        with self._store.transaction(rights=True) as database:
            row = database.execute("SELECT * FROM portal").fetchone()
            if row is None:
                raise NotFound("Nobody claimed this device.")
            if row["owner"] != owner:
                raise Conflict("Somebody else claimed this device meanwhile: look again.")
            database.execute("UPDATE portal SET accepted = 1")

    def forget(self) -> bool:
        """Ends the pairing, and everything that came in by it. False when there was none."""
        with self._store.transaction(rights=True) as database:
            return _end(database)

    def leave(self) -> None:
        """`forget`, and the portal is to be told: that this device left it, or that somebody at home said no. Raises
        `NotFound` when there is nothing to leave."""
        with self._store.transaction(rights=True) as database:
            database.execute(
                "INSERT OR REPLACE INTO portal_goodbyes (address, since) SELECT address, ? FROM portal",
                (self._clock(),),
            )
            if not _end(database):
                raise NotFound("This device is not paired.")

    def goodbyes(self) -> list[str]:
        """Addresses of portals that this device left and that do not know it yet; none for longer than a month."""
        oldest = self._clock() - GOODBYE_SECONDS
        with self._store.transaction() as database:
            rows = database.execute("SELECT address FROM portal_goodbyes WHERE since > ?", (oldest,))
            return [row["address"] for row in rows]

    def said_goodbye(self, address: str) -> None:
        """That portal knows it now."""
        with self._store.transaction() as database:
            database.execute("DELETE FROM portal_goodbyes WHERE address = ?", (address,))

    def rotate(self, token: str) -> None:
        """The portal has newer keys (`portal_keys.successor`). Raises `NotAllowed`, `NotFound`."""
        with self._store.transaction(rights=True) as database:
            row = database.execute("SELECT * FROM portal").fetchone()
            if row is None:
                raise NotFound("This device is not paired.")
            portal = _portal(row)
            newer = portal_keys.successor(portal.keys, token, portal.address)
            database.execute("UPDATE portal SET keys = ?", (_written(newer),))


def _end(database: sqlite3.Connection) -> bool:
    database.execute("DELETE FROM portal_sessions")
    database.execute("DELETE FROM portal_epochs")
    database.execute("DELETE FROM portal_edits")  # what its owner changed is none of the next one's business
    return database.execute("DELETE FROM portal").rowcount > 0


def _written(keys: KeySet) -> str:
    return json.dumps(keys.as_json())


def _portal(row: sqlite3.Row) -> Portal:
    keys = portal_keys.parse(json.loads(row["keys"]))
    return Portal(row["address"], row["owner"], keys, bool(row["accepted"]), row["paired_at"])
