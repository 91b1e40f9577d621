"""The owner, and the sessions of people who signed in."""

from __future__ import annotations

import contextlib
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from pi_cam.errors import Conflict, NotSignedIn, SettingError, StoreError
from pi_cam.store import Store
from pi_cam.trust.capabilities import ROLES, Person
from pi_cam.trust.passwords import PasswordHasher, check_password
from pi_cam.trust.throttle import Throttle
from pi_cam.trust.tokens import hashed

NAME = re.compile(r"[^\s\x00-\x1f\x7f\ud800-\udfff][^\x00-\x1f\x7f\ud800-\udfff]{0,63}")
SEEN_EVERY_SECONDS = 60.0
"""How stale "last seen" may be: a write per request would wear out an SD card."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """What may be shown of a session."""

    id: str
    agent: str
    created_at: float
    seen_at: float


class Accounts:
    """Users and server-side sessions. Names are compared without regard to case."""

    def __init__(
        self, store: Store, hasher: PasswordHasher, *, session_seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._hasher = hasher
        self._session_seconds = session_seconds
        self._clock = clock
        self._throttle = Throttle()

    def has_owner(self) -> bool:
        """False on a new device: then nothing but setup answers."""
        with self._store.transaction() as database:
            return database.execute("SELECT 1 FROM users WHERE role = 'owner'").fetchone() is not None

    def create_owner(self, name: str, password: str) -> None:
        """The first and only one. Raises `Conflict` when there is one, `SettingError` for a bad name or password."""
        name, password_hash = self._prepared(name, password)
        try:
            with self._store.transaction(rights=True) as database:
                database.execute(
                    "INSERT INTO users (name, role, password_hash, created_at) VALUES (?, 'owner', ?, ?)",
                    (name, password_hash, self._clock()),
                )
        except sqlite3.IntegrityError:
            raise Conflict("This camera has an owner already.") from None

    def set_owner(self, name: str, password: str) -> None:
        """Makes `name` the owner with this password, and ends every session: the way back for a forgotten password."""
        name, password_hash = self._prepared(name, password)
        with self._store.transaction(rights=True) as database:
            database.execute("DELETE FROM users WHERE role = 'owner' OR name = ?", (name,))
            database.execute("DELETE FROM sessions")
            database.execute(
                "INSERT INTO users (name, role, password_hash, created_at) VALUES (?, 'owner', ?, ?)",
                (name, password_hash, self._clock()),
            )

    def sign_in(self, name: str, password: str, *, address: str, agent: str) -> tuple[str, Person]:
        """A new session's secret, for a cookie, and whose it is. Raises `NotSignedIn`, `TooManyTries`."""
        key = f"{name.casefold()[:64]} {address}"
        self._throttle.check(key)
        name = name.encode(errors="replace").decode()  # lone surrogates, which JSON can bring, are in nobody's name
        with self._store.transaction() as database:
            row = database.execute("SELECT id, name, role, password_hash FROM users WHERE name = ?", (name,)).fetchone()
        if not self._hasher.verify(password, row["password_hash"] if row else None) or row is None:
            self._throttle.failed(key)
            raise NotSignedIn("The name or the password is wrong.")
        self._throttle.succeeded(key)
        session, secret = self._open_session(row["id"], agent)
        return secret, Person(row["name"], row["role"], ROLES[row["role"]], session)

    def known_name(self, name: str) -> str:
        """The name as it is written in its account; empty when nobody has it."""
        name = name.encode(errors="replace").decode().strip()
        with self._store.transaction() as database:
            row = database.execute("SELECT name FROM users WHERE name = ?", (name,)).fetchone()
        return str(row["name"]) if row else ""

    def person(self, secret: str) -> Person | None:
        """Who has this session, or None when it ended."""
        now = self._clock()
        with self._store.transaction() as database:
            row = database.execute(
                "SELECT sessions.id, seen_at, name, role FROM sessions JOIN users ON users.id = user_id"
                " WHERE secret_hash = ? AND seen_at > ?",
                (hashed(secret), now - self._session_seconds),
            ).fetchone()
        if row and now - row["seen_at"] > SEEN_EVERY_SECONDS:
            self._note_seen(row["id"], now)
        return Person(row["name"], row["role"], ROLES[row["role"]], row["id"]) if row else None

    def _note_seen(self, session: str, now: float) -> None:
        with contextlib.suppress(StoreError), self._store.transaction() as database:  # a full disk keeps nobody out
            database.execute("UPDATE sessions SET seen_at = ? WHERE id = ?", (now, session))

    def sessions(self, name: str) -> list[SessionRow]:
        """A user's sessions, newest first."""
        with self._store.transaction() as database:
            rows = database.execute(
                "SELECT sessions.id, agent, sessions.created_at, seen_at FROM sessions JOIN users ON users.id = user_id"
                " WHERE name = ? AND seen_at > ? ORDER BY sessions.created_at DESC",
                (name, self._clock() - self._session_seconds),
            ).fetchall()
        return [SessionRow(row["id"], row["agent"], row["created_at"], row["seen_at"]) for row in rows]

    def end_session(self, session: str) -> None:
        """Ends it; one that is gone already is no error."""
        with self._store.transaction() as database:
            database.execute("DELETE FROM sessions WHERE id = ?", (session,))

    def _open_session(self, user: int, agent: str) -> tuple[str, str]:
        session, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        now = self._clock()
        with self._store.transaction() as database:
            database.execute("DELETE FROM sessions WHERE seen_at <= ?", (now - self._session_seconds,))
            database.execute(
                "INSERT INTO sessions (id, secret_hash, user_id, agent, created_at, seen_at) VALUES (?, ?, ?, ?, ?, ?)",
                (session, hashed(secret), user, agent[:200], now, now),
            )
        return session, secret

    def _prepared(self, name: str, password: str) -> tuple[str, str]:
        name = name.strip()
        if not NAME.fullmatch(name):
            raise SettingError("A name has 1 to 64 characters.")
        check_password(password, name=name)
        return name, self._hasher.hash(password)
