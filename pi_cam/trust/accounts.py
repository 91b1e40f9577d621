"""The owner, and how people sign in."""

from __future__ import annotations

import secrets
import sqlite3
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from pi_cam.errors import Conflict, NotFound, NotSignedIn, SecondFactorNeeded, SettingError
from pi_cam.store import Store
from pi_cam.trust import totp
from pi_cam.trust.capabilities import Person
from pi_cam.trust.guesses import Guess, Guesses, KnownBrowsers, network_of
from pi_cam.trust.names import checked_name
from pi_cam.trust.passwords import PasswordHasher, check_password
from pi_cam.trust.sessions import Sessions, end_sessions
from pi_cam.trust.throttle import Throttle
from pi_cam.trust.tickets import Tickets
from web.passwords import MIN_LENGTH


@dataclass(frozen=True, slots=True)
class Halfway:
    """Somebody whose password was right (the one of this hash), and whose code is not here yet."""

    user: int
    name: str
    password_hash: str
    guess: Guess


class Accounts:
    """Names and passwords. Names are compared without regard to case."""

    def __init__(
        self,
        store: Store,
        hasher: PasswordHasher,
        sessions: Sessions,
        second_factor: totp.Totp,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        browsers: KnownBrowsers | None = None,
    ) -> None:
        self.browsers = browsers or KnownBrowsers(secrets.token_bytes(32))
        self._store = store
        self._hasher = hasher
        self._sessions = sessions
        self._clock = clock
        self._totp = second_factor
        self._guesses = Guesses(monotonic)
        self._throttle = Throttle(monotonic)
        self._tickets: Tickets[Halfway] = Tickets(monotonic)

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

    def sign_in(
        self,
        name: str,
        password: str,
        code: str | None = None,
        *,
        address: str,
        agent: str,
        known: str | None = None,
    ) -> tuple[str, Person]:
        """A new session's secret, for a cookie, and whose it is. `code`: of an authenticator app, or a recovery code.
        `known`: what `browsers` once issued to this browser. Raises `NotSignedIn`, `SecondFactorNeeded` when only a right
        code is missing, `TooManyTries`, `NotReady`."""
        name = _typed(name)
        with self._store.transaction() as database:
            row = database.execute("SELECT id, name, password_hash FROM users WHERE name = ?", (name,)).fetchone()
        browser = self.browsers.recognise(known, row["id"] if row else None)
        guess = Guess(name.casefold()[:64], network_of(address), browser)
        self._guesses.attempt(guess)
        if (
            not self._hasher.verify(password, row["password_hash"] if row else None, patient=browser is not None)
            or row is None
        ):
            raise NotSignedIn("The name or the password is wrong.")
        self._refuse_ended(row["id"])
        if self._totp.state(row["id"]).on:
            self._attempt_digits(row["id"], code)
            self._check_code(Halfway(row["id"], row["name"], row["password_hash"], guess), code, until=None)
        self._guesses.succeeded(guess)
        return self.enter(row["id"], address=address, agent=agent)

    def go_on(self, ticket: str, code: str, *, address: str, agent: str) -> tuple[str, Person]:
        """The second step of signing in, with the ticket of `SecondFactorNeeded`. Answers and raises as `sign_in`."""
        halfway = self._tickets.look(ticket)
        if halfway is not None:
            self._guesses.attempt(halfway.guess)
            self._attempt_digits(halfway.user, code)
        taken = self._tickets.take(ticket)
        if taken is None or self._password_hash(taken[0].user) != taken[0].password_hash:
            raise NotSignedIn("Signing in took too long. Please begin again.")
        self._check_code(taken[0], code, until=taken[1])
        self._guesses.succeeded(taken[0].guess)
        return self.enter(taken[0].user, address=address, agent=agent)

    def enter(self, user: int, *, address: str, agent: str) -> tuple[str, Person]:
        """A session for somebody who has proved who they are. Raises `NotSignedIn` when their access has ended."""
        self._refuse_ended(user)
        secret = self._sessions.open(user, address=address, agent=agent)
        person = self._sessions.person(secret)
        if person is None:  # removed, or ended, in this very moment
            raise NotSignedIn("The name or the password is wrong.")
        return secret, person

    def known_name(self, name: str) -> str:
        """The name as it is written in its account; empty when nobody has it."""
        name = _typed(name)
        with self._store.transaction() as database:
            row = database.execute("SELECT name FROM users WHERE name = ?", (name,)).fetchone()
        return str(row["name"]) if row else ""

    def waiting(self, ticket: str) -> str:
        """The name of whoever has this ticket, and gives a code next; empty when it is not good."""
        halfway = self._tickets.look(ticket)
        return halfway.name if halfway else ""

    def require_password(self, user: int, password: str) -> str:
        """That it is really they who ask; their name. Raises `SettingError` when it is wrong, `TooManyTries`."""
        name: str = self._proved(user, password)["name"]
        return name

    def turn_second_factor_off(self, user: int, password: str) -> None:
        """Raises as `require_password`, and `SettingError` when the password is too short to stand alone."""
        row = self._proved(user, password)
        if len(password) < MIN_LENGTH:
            raise SettingError(
                f"Without a second factor a password has at least {MIN_LENGTH} characters: choose a longer one first."
            )
        with self._store.transaction(rights=True) as database:
            self._require_unchanged(database, row)
            totp.turn_off(database, user)

    def change_password(self, user: int, current: str, new: str, *, session: str) -> None:
        """Ends all other sessions of this user. Raises `SettingError` when the current one is wrong or the new one too
        easy, `TooManyTries`."""
        row = self._proved(user, current)
        password_hash = self._hasher.hash(new)
        with self._store.transaction(rights=True) as database:
            self._require_unchanged(database, row)
            # In one transaction: no second factor is turned off between the look at it and the shorter password.
            check_password(new, name=row["name"], second_factor=totp.totp_is_on(database, user))
            database.execute("UPDATE users SET password_hash = ? WHERE id = ?", (password_hash, user))
            end_sessions(database, user, but=session)

    def _attempt_digits(self, user: int, code: str | None) -> None:
        """Six digits can be guessed from many addresses at once. Recovery codes cannot, and so stay a way in meanwhile."""
        if code and totp.is_digits(code):
            self._throttle.attempt(f"code {user}")

    def _check_code(self, halfway: Halfway, code: str | None, *, until: float | None) -> None:
        """Raises `SecondFactorNeeded` with a new ticket, good until the one before would have been."""
        if not code:
            raise SecondFactorNeeded("This account needs a code as well.", self._tickets.give(halfway, until=until))
        if not self._totp.accepts(halfway.user, code):
            ticket = self._tickets.give(halfway, until=until)
            raise SecondFactorNeeded("This code is wrong, or was used already.", ticket)
        self._throttle.succeeded(f"code {halfway.user}")

    def _refuse_ended(self, user: int) -> None:
        with self._store.transaction() as database:
            row = database.execute("SELECT expires_at FROM users WHERE id = ?", (user,)).fetchone()
        if row is None or (row["expires_at"] is not None and row["expires_at"] <= self._clock()):
            raise NotSignedIn("Your access has ended. Ask the owner of this camera to give it to you again.")

    def _password_hash(self, user: int) -> str | None:
        with self._store.transaction() as database:
            row = database.execute("SELECT password_hash FROM users WHERE id = ?", (user,)).fetchone()
        return row["password_hash"] if row else None

    def _proved(self, user: int, password: str) -> sqlite3.Row:
        key = f"user {user}"
        self._throttle.attempt(key)
        with self._store.transaction() as database:
            row: sqlite3.Row | None = database.execute(
                "SELECT id, name, password_hash FROM users WHERE id = ?", (user,)
            ).fetchone()
        if row is None:
            raise NotFound("There is no such user.")
        if not self._hasher.verify(password, row["password_hash"], patient=True):
            raise SettingError("The present password is wrong.")
        self._throttle.succeeded(key)
        return row

    @staticmethod
    def _require_unchanged(database: sqlite3.Connection, row: sqlite3.Row) -> None:
        now = database.execute(
            "SELECT 1 FROM users WHERE id = ? AND password_hash = ?", (row["id"], row["password_hash"])
        )
        if now.fetchone() is None:
            raise Conflict("The password was changed elsewhere in this moment.")

    def _insert_owner(self, database: sqlite3.Connection, name: str, password_hash: str) -> None:
        database.execute(
            "INSERT INTO users (name, role, password_hash, created_at) VALUES (?, 'owner', ?, ?)",
            (name, password_hash, self._clock()),
        )

    def _prepared(self, name: str, password: str) -> tuple[str, str]:
        name = checked_name(name)
        check_password(password, name=name)
        return name, self._hasher.hash(password)


def _typed(name: str) -> str:
    """As names are stored. Lone surrogates, which JSON can bring, are in nobody's name."""
    return unicodedata.normalize("NFC", name.encode(errors="replace").decode().strip())
