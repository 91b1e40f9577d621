"""The owner, and how people sign in."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from pi_cam.errors import Conflict, NotFound, NotSignedIn, SettingError
from pi_cam.store import Store
from pi_cam.trust.capabilities import Person
from pi_cam.trust.names import checked_name
from pi_cam.trust.passwords import PasswordHasher, check_password
from pi_cam.trust.sessions import Sessions, end_sessions
from pi_cam.trust.throttle import Throttle


class Accounts:
    """Names and passwords. Names are compared without regard to case."""

    def __init__(
        self, store: Store, hasher: PasswordHasher, sessions: Sessions, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._hasher = hasher
        self._sessions = sessions
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
                self._insert_owner(database, name, password_hash)
        except sqlite3.IntegrityError:
            raise Conflict("This camera has an owner already.") from None

    def set_owner(self, name: str, password: str) -> None:
        """Makes `name` the owner with this password, and ends every session: the way back for a forgotten password.
        Second factors of the owner before go, too."""
        name, password_hash = self._prepared(name, password)
        with self._store.transaction(rights=True) as database:
            database.execute("DELETE FROM users WHERE role = 'owner' OR name = ?", (name,))
            database.execute("DELETE FROM sessions")
            self._insert_owner(database, name, password_hash)

    def sign_in(self, name: str, password: str, *, address: str, agent: str) -> tuple[str, Person]:
        """A new session's secret, for a cookie, and whose it is. Raises `NotSignedIn`, `TooManyTries`."""
        key = f"{name.casefold()[:64]} {address}"
        self._throttle.attempt(key)
        name = name.encode(errors="replace").decode()  # lone surrogates, which JSON can bring, are in nobody's name
        with self._store.transaction() as database:
            row = database.execute("SELECT id, password_hash, expires_at FROM users WHERE name = ?", (name,)).fetchone()
        if not self._hasher.verify(password, row["password_hash"] if row else None) or row is None:
            raise NotSignedIn("The name or the password is wrong.")
        self._throttle.succeeded(key)
        if row["expires_at"] is not None and row["expires_at"] <= self._clock():
            raise NotSignedIn("Your access has ended. Ask the owner of this camera to give it to you again.")
        secret = self._sessions.open(row["id"], address=address, agent=agent)
        person = self._sessions.person(secret)
        if person is None:  # removed, or ended, in this very moment
            raise NotSignedIn("The name or the password is wrong.")
        return secret, person

    def known_name(self, name: str) -> str:
        """The name as it is written in its account; empty when nobody has it."""
        name = name.encode(errors="replace").decode().strip()
        with self._store.transaction() as database:
            row = database.execute("SELECT name FROM users WHERE name = ?", (name,)).fetchone()
        return str(row["name"]) if row else ""

    def change_password(self, user: int, current: str, new: str, *, session: str) -> None:
        """Ends all other sessions of this user. Raises `SettingError` when the current one is wrong or the new one too
        easy, `TooManyTries`."""
        key = f"user {user}"
        self._throttle.attempt(key)
        with self._store.transaction() as database:
            row = database.execute("SELECT name, password_hash FROM users WHERE id = ?", (user,)).fetchone()
        if row is None:
            raise NotFound("There is no such user.")
        if not self._hasher.verify(current, row["password_hash"]):
            raise SettingError("The present password is wrong.")
        self._throttle.succeeded(key)
        check_password(new, name=row["name"])
        password_hash = self._hasher.hash(new)
        with self._store.transaction(rights=True) as database:
            database.execute("UPDATE users SET password_hash = ? WHERE id = ?", (password_hash, user))
            end_sessions(database, user, but=session)

    def _insert_owner(self, database: sqlite3.Connection, name: str, password_hash: str) -> None:
        database.execute(
            "INSERT INTO users (name, role, password_hash, created_at) VALUES (?, 'owner', ?, ?)",
            (name, password_hash, self._clock()),
        )

    def _prepared(self, name: str, password: str) -> tuple[str, str]:
        name = checked_name(name)
        check_password(password, name=name)
        return name, self._hasher.hash(password)
