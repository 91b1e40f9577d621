"""The six digits of an authenticator app (RFC 6238), and the recovery codes for when it is lost."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

import pyotp

from pi_cam.errors import Conflict, SettingError
from pi_cam.store import Store
from pi_cam.trust.sealing import Seal

ISSUER = "Caméra Connectée"
STEP_SECONDS = 30
STEPS_AROUND = (0, -1, 1)
"""A phone's clock may be half a minute off, either way."""

RECOVERY_CODES = 10
RECOVERY_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""Nothing that looks like something else on paper: no I, L, O, U, 0, 1."""

RECOVERY_LENGTH = 12

DIGITS = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class TotpState:
    """What may be shown of it."""

    on: bool
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What goes into the app: `uri` by a QR code, or `secret` (base32) by hand."""

    secret: str
    uri: str


class Totp:
    """One per user at most. `key`: `Store.secret()`."""

    def __init__(self, store: Store, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._seal = Seal(key)
        self._key = hmac.digest(key, b"recovery codes", hashlib.sha256)
        self._clock = clock

    def state(self, user: int) -> TotpState:
        """Whether it is on, and how many recovery codes are left."""
        with self._store.transaction() as database:
            left = database.execute("SELECT count(*) FROM recovery_codes WHERE user_id = ?", (user,)).fetchone()[0]
            return TotpState(totp_is_on(database, user), left)

    def begin(self, user: int, name: str) -> Enrolment:
        """A new secret, which counts once `confirm` was given a code of it. Raises `Conflict` when one is on already."""
        secret = pyotp.random_base32()
        with self._store.transaction() as database:
            if totp_is_on(database, user):
                raise Conflict("The second factor is on already; turn it off first.")
            sealed = self._seal.seal(secret.encode(), _context(user))
            database.execute("INSERT OR REPLACE INTO totp (user_id, secret) VALUES (?, ?)", (user, sealed))
        return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER))

    def confirm(self, user: int, code: str) -> list[str]:
        """Turns it on; the recovery codes, which are never shown again. Raises `SettingError` for a wrong code."""
        with self._store.transaction(rights=True) as database:
            row = database.execute("SELECT secret FROM totp WHERE user_id = ? AND NOT confirmed", (user,)).fetchone()
            if row is None:
                raise Conflict("There is nothing to confirm: begin again.")
            if not self._used_up(database, user, row["secret"], code):
                raise SettingError("This code is wrong. The clocks of the phone and of the camera may differ.")
            database.execute("UPDATE totp SET confirmed = 1 WHERE user_id = ?", (user,))
            return self._new_codes(database, user)

    def new_recovery_codes(self, user: int) -> list[str]:
        """Ten others; those before are worth nothing. Raises `Conflict` while there is no second factor."""
        with self._store.transaction(rights=True) as database:
            if not totp_is_on(database, user):
                raise Conflict("The second factor is off.")
            return self._new_codes(database, user)

    def accepts(self, user: int, code: str) -> bool:
        """Whether this is a code of now that was not used before, or an unused recovery code. It is used up by this."""
        if not is_digits(code):
            return self._recovered(user, code)
        with self._store.transaction() as database:
            row = database.execute("SELECT secret FROM totp WHERE user_id = ? AND confirmed", (user,)).fetchone()
            return row is not None and self._used_up(database, user, row["secret"], code)

    def _recovered(self, user: int, code: str) -> bool:
        gone = "DELETE FROM recovery_codes WHERE user_id = ? AND code_hash = ?"
        with self._store.transaction() as database:
            if not database.execute(gone, (user, self._hashed(code))).rowcount:
                return False
        self._store.keep_good_copy(rights_changed=True)  # in which it would be unused
        return True

    def _used_up(self, database: sqlite3.Connection, user: int, sealed: bytes, code: str) -> bool:
        totp = pyotp.TOTP(self._seal.open(sealed, _context(user)).decode())
        now = int(self._clock()) // STEP_SECONDS
        given = _plain(code).encode(errors="replace")
        for step in (now + around for around in STEPS_AROUND):
            if step >= 0 and hmac.compare_digest(totp.generate_otp(step).encode(), given):
                used = "UPDATE totp SET last_step = ? WHERE user_id = ? AND last_step < ?"
                return database.execute(used, (step, user, step)).rowcount > 0
        return False

    def _new_codes(self, database: sqlite3.Connection, user: int) -> list[str]:
        codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
        database.execute("DELETE FROM recovery_codes WHERE user_id = ?", (user,))
        database.executemany(
            "INSERT INTO recovery_codes (user_id, code_hash) VALUES (?, ?)",
            [(user, self._hashed(one)) for one in codes],
        )
        return codes

    def _hashed(self, code: str) -> str:
        """With a key outside the database: 58 bits are too few for a bare hash."""
        return hmac.new(self._key, _plain(code).encode(errors="replace"), hashlib.sha256).hexdigest()


def is_digits(code: str) -> bool:
    """Whether this is meant to come from the app, rather than from the list of recovery codes."""
    return DIGITS.fullmatch(_plain(code)) is not None


def totp_is_on(database: sqlite3.Connection, user: int) -> bool:
    """Within a transaction: whether this account's password needs a code beside it."""
    return database.execute("SELECT 1 FROM totp WHERE user_id = ? AND confirmed", (user,)).fetchone() is not None


def turn_off(database: sqlite3.Connection, user: int) -> None:
    """Within a transaction. The recovery codes go, too."""
    database.execute("DELETE FROM totp WHERE user_id = ?", (user,))
    database.execute("DELETE FROM recovery_codes WHERE user_id = ?", (user,))


def _recovery_code() -> str:
    """`ABCD-EFGH-JKMN`."""
    letters = "".join(secrets.choice(RECOVERY_ALPHABET) for _ in range(RECOVERY_LENGTH))
    return "-".join(letters[at : at + 4] for at in range(0, RECOVERY_LENGTH, 4))


def _plain(code: str) -> str:
    """As people type it: with blanks or dashes, or without, in any case."""
    return re.sub(r"[\s-]", "", code).upper()


def _context(user: int) -> str:
    return f"totp {user}"
