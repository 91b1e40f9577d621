"""Server-side sessions: where people are signed in, and how that ends."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from pi_cam.errors import StoreError
from pi_cam.store import Store
from pi_cam.trust.capabilities import ROLES, Person
from pi_cam.trust.grants import granted_to
from pi_cam.trust.tokens import hashed
from web import browsers

SEEN_EVERY_SECONDS = 60.0
"""How stale "last seen" may be: a write per request would wear out an SD card."""

_ALIVE = (
    "SELECT sessions.id, seen_at, user_id, name, role FROM sessions JOIN users ON users.id = user_id"
    " WHERE seen_at > :oldest AND (expires_at IS NULL OR expires_at > :now)"
)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """What may be shown of a session."""

    id: str
    agent: str
    address: str
    created_at: float
    seen_at: float

    @property
    def browser(self) -> str:
        """The browser and its system in two words, as far as they say; empty when they do not."""
        return browsers.named(self.agent)


class Sessions:
    """A random secret in a cookie, its hash in the store. A session lives for `lifetime_seconds` after its last use; that
    of a guest ends with the guest's access."""

    def __init__(
        self, store: Store, lifetime_seconds: Callable[[], float], clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._lifetime = lifetime_seconds
        self._clock = clock

    def open(self, user: int, *, address: str, agent: str) -> str:
        """The secret of a new session of this user."""
        session, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        now = self._clock()
        with self._store.transaction() as database:
            database.execute("DELETE FROM sessions WHERE seen_at <= ?", (now - self._lifetime(),))
            database.execute(
                "INSERT INTO sessions (id, secret_hash, user_id, agent, address, created_at, seen_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (session, hashed(secret), user, agent[:200], address, now, now),
            )
        return secret

    def person(self, secret: str) -> Person | None:
        """Who has this session, or None when it ended. Counts as a use of it."""
        now = self._clock()
        with self._store.transaction() as database:
            row = self._find(database, "secret_hash", hashed(secret))
            person = _person(database, row) if row else None
        if row and now - row["seen_at"] > SEEN_EVERY_SECONDS:
            self._note_seen(row["id"], now)
        return person

    def now(self, database: sqlite3.Connection, session: str) -> Person | None:
        """What a session is worth at this moment, without counting as a use."""
        row = self._find(database, "sessions.id", session)
        return _person(database, row) if row else None

    def of(self, user: int) -> list[SessionRow]:
        """A user's sessions, newest first."""
        with self._store.transaction() as database:
            rows = database.execute(
                "SELECT id, agent, address, created_at, seen_at FROM sessions"
                " WHERE user_id = ? AND seen_at > ? ORDER BY created_at DESC",
                (user, self._clock() - self._lifetime()),
            ).fetchall()
        return [SessionRow(**row) for row in rows]

    def end(self, session: str, *, of: int | None = None) -> bool:
        """Ends it; with `of`, only when it is that user's. False when there was none."""
        with self._store.transaction() as database:
            query = "DELETE FROM sessions WHERE id = ? AND (? IS NULL OR user_id = ?)"
            return database.execute(query, (session, of, of)).rowcount > 0

    def _note_seen(self, session: str, now: float) -> None:
        with contextlib.suppress(StoreError), self._store.transaction() as database:  # a full disk keeps nobody out
            database.execute("UPDATE sessions SET seen_at = ? WHERE id = ?", (now, session))

    def _find(self, database: sqlite3.Connection, column: str, value: str) -> sqlite3.Row | None:
        now = self._clock()
        query = f"{_ALIVE} AND {column} = :value"
        row: sqlite3.Row | None = database.execute(
            query, {"oldest": now - self._lifetime(), "now": now, "value": value}
        ).fetchone()
        return row


def end_sessions(database: sqlite3.Connection, user: int, *, but: str | None = None) -> None:
    """Ends all sessions of a user, or all but one, within a transaction."""
    database.execute("DELETE FROM sessions WHERE user_id = ? AND id IS NOT ?", (user, but))


def _person(database: sqlite3.Connection, row: sqlite3.Row) -> Person:
    role: str = row["role"]
    everywhere = ROLES[role] if role == "owner" else frozenset()
    on = {} if role == "owner" else granted_to(database, row["user_id"], role)
    return Person(f"user {row['user_id']}", row["name"], role, everywhere, row["id"], on)
