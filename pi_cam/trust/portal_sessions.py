"""Who came in from the portal, and until when.

A session is worth what its token said, as long as the account's epoch there was not raised since, less what the owner put
behind the second lock: for that one signs in with a password or a passkey of this device itself, so that a broken portal is
not a broken home.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping

from pi_cam.errors import NotAllowed, StoreError
from pi_cam.store import Store
from pi_cam.trust.capabilities import Capability, Person, in_order, known_capabilities
from pi_cam.trust.entry import EVERYWHERE, Entry
from pi_cam.trust.tokens import hashed

KEY = "portal "
ID_PREFIX = "portal-"
SECRET_PREFIX = "pcp_"

LONGEST_SECONDS = 12 * 3600.0
IDLE_SECONDS = 30 * 60.0
"""Since the last request, or the last look at somebody who is watching."""

SEEN_EVERY_SECONDS = 300.0

EACH_MOST = 20
"""Sessions of one account; the oldest give way, so that nobody can fill the disk by coming in again and again."""

_ALIVE = (
    "SELECT one.* FROM portal_sessions AS one JOIN portal ON portal.accepted = 1"
    " LEFT JOIN portal_epochs AS raised ON raised.subject = one.subject"
    " WHERE one.created_at > :oldest AND one.seen_at > :idle AND one.epoch >= COALESCE(raised.epoch, 0)"
)


class PortalSessions:
    """`locked()`: what is never given to who comes from the portal. Any thread."""

    def __init__(
        self, store: Store, locked: Callable[[], frozenset[Capability]], clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._locked = locked
        self._clock = clock

    def open(self, entry: Entry, *, address: str, agent: str) -> tuple[str, Person]:
        """The secret of a new session, and who has it. Raises `NotAllowed` when the account's epoch was raised since."""
        session, secret = ID_PREFIX + secrets.token_hex(8), SECRET_PREFIX + secrets.token_urlsafe(32)
        now = self._clock()
        granted = {EVERYWHERE: entry.can, **entry.on}
        can = json.dumps({camera: in_order(words) for camera, words in granted.items() if words})
        with self._store.transaction() as database:
            database.execute(
                "DELETE FROM portal_sessions WHERE created_at <= ? OR seen_at <= ?",
                (now - LONGEST_SECONDS, now - IDLE_SECONDS),
            )
            _raise(database, {entry.subject: entry.epoch})
            if _epoch(database, entry.subject) > entry.epoch:
                raise NotAllowed("Your rights were changed: open the camera from the portal again.")
            database.execute(
                "INSERT INTO portal_sessions"
                " (id, secret_hash, subject, name, role, epoch, can, agent, address, created_at, seen_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    session,
                    hashed(secret),
                    entry.subject,
                    entry.name,
                    entry.role,
                    entry.epoch,
                    can,
                    agent[:200],
                    address,
                    now,
                    now,
                ),
            )
            row = database.execute("SELECT * FROM portal_sessions WHERE id = ?", (session,)).fetchone()
            database.execute(
                "DELETE FROM portal_sessions WHERE subject = ?1 AND id NOT IN"
                " (SELECT id FROM portal_sessions WHERE subject = ?1 ORDER BY created_at DESC, rowid DESC LIMIT ?2)",
                (entry.subject, EACH_MOST),
            )
        return secret, self._person(row)

    def person(self, secret: str) -> Person | None:
        """Who has this session, or None when it ended. Counts as a use of it."""
        with self._store.transaction() as database:
            row = self._find(database, "one.secret_hash", hashed(secret))
        if row is None:
            return None
        if self._clock() - row["seen_at"] > SEEN_EVERY_SECONDS:
            self.used([row["id"]])
        return self._person(row)

    def now(self, database: sqlite3.Connection, session: str) -> Person | None:
        """What a session is worth at this moment."""
        row = self._find(database, "one.id", session)
        return self._person(row) if row else None

    def used(self, sessions: list[str]) -> None:
        """Somebody watches with these: that keeps them from ending, and is noted now and then."""
        now = self._clock()
        alive_and_stale = [(now, one, now - SEEN_EVERY_SECONDS, now - IDLE_SECONDS) for one in sessions]
        if sessions:
            with contextlib.suppress(StoreError), self._store.transaction() as database:  # a full disk keeps nobody out
                database.executemany(
                    "UPDATE portal_sessions SET seen_at = ? WHERE id = ? AND seen_at < ? AND seen_at > ?",
                    alive_and_stale,
                )

    def end(self, session: str) -> bool:
        """False when there was none."""
        with self._store.transaction() as database:
            return database.execute("DELETE FROM portal_sessions WHERE id = ?", (session,)).rowcount > 0

    def subjects(self) -> list[str]:
        """The accounts that have a session: for these the portal is asked whether an epoch was raised."""
        now = self._clock()
        with self._store.transaction() as database:
            rows = database.execute(_ALIVE, _limits(now)).fetchall()
        return sorted({row["subject"] for row in rows})

    def raise_epochs(self, epochs: Mapping[str, int]) -> None:
        """Ends what was opened with a lower one. An epoch never falls. Asked every two seconds: what is known already is
        not written again."""
        with self._store.transaction() as database:
            known = {row["subject"]: row["epoch"] for row in database.execute("SELECT * FROM portal_epochs")}
        higher = {subject: epoch for subject, epoch in epochs.items() if epoch > known.get(subject, -1)}
        if higher:
            with self._store.transaction(rights=True) as database:
                _raise(database, higher)

    def end_all(self, subjects: list[str]) -> None:
        """Ends every session of accounts that the portal does not know here any more."""
        if subjects:
            with self._store.transaction(rights=True) as database:
                database.executemany("DELETE FROM portal_sessions WHERE subject = ?", [(one,) for one in subjects])

    def _find(self, database: sqlite3.Connection, column: str, value: str) -> sqlite3.Row | None:
        limits = _limits(self._clock())
        row: sqlite3.Row | None = database.execute(
            f"{_ALIVE} AND {column} = :value", {**limits, "value": value}
        ).fetchone()
        return row

    def _person(self, row: sqlite3.Row) -> Person:
        locked = self._locked()
        on = {camera: known_capabilities(words) - locked for camera, words in json.loads(row["can"]).items()}
        everywhere = on.pop(EVERYWHERE, frozenset[Capability]())
        # Never "owner": that word is for whoever has this device's own password.
        return Person(KEY + row["subject"], row["name"], "portal", everywhere, row["id"], on, row["role"])


def _epoch(database: sqlite3.Connection, subject: str) -> int:
    row = database.execute("SELECT epoch FROM portal_epochs WHERE subject = ?", (subject,)).fetchone()
    return int(row["epoch"])


def _limits(now: float) -> dict[str, float]:
    return {"oldest": now - LONGEST_SECONDS, "idle": now - IDLE_SECONDS}


def _raise(database: sqlite3.Connection, epochs: Mapping[str, int]) -> None:
    database.executemany(
        "INSERT INTO portal_epochs (subject, epoch) VALUES (?, ?)"
        " ON CONFLICT (subject) DO UPDATE SET epoch = MAX(epoch, excluded.epoch)",
        list(epochs.items()),
    )
