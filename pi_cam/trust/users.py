"""The people besides the owner: members, and guests whose access ends."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import EllipsisType
from typing import Literal

from pi_cam.errors import Conflict, NotAllowed, NotFound, SettingError
from pi_cam.store import Store
from pi_cam.trust.capabilities import Capability
from pi_cam.trust.grants import Grants, granted_to, write_grants
from pi_cam.trust.names import checked_name
from pi_cam.trust.passwords import PasswordHasher, check_password
from pi_cam.trust.sessions import end_sessions
from pi_cam.trust.totp import totp_is_on, turn_off

LONGEST_SECONDS = 366 * 86_400.0
"""For a guest; who comes for longer is a member."""

GivenRole = Literal["member", "guest"]


@dataclass(frozen=True, slots=True)
class UserRow:
    """What may be shown of a user. `expires_at`: seconds since 1970, or None."""

    id: int
    name: str
    role: str
    created_at: float
    expires_at: float | None
    grants: dict[str, frozenset[Capability]]


class Users:
    """Added, changed and removed by whoever configures the device. The owner is in `trust.accounts`."""

    def __init__(self, store: Store, hasher: PasswordHasher, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._hasher = hasher
        self._clock = clock

    def list(self) -> list[UserRow]:
        """All, the owner first, then by name."""
        with self._store.transaction() as database:
            rows = database.execute(
                "SELECT id, name, role, created_at, expires_at FROM users ORDER BY role <> 'owner', name"
            ).fetchall()
            return [_row(database, row) for row in rows]

    def get(self, user: int) -> UserRow:
        """Raises `NotFound`."""
        with self._store.transaction() as database:
            return _row(database, _found(database, user))

    def add(self, name: str, password: str, role: GivenRole, grants: Grants, expires_at: float | None) -> UserRow:
        """Raises `SettingError` for what makes no sense, `Conflict` for a name that is taken."""
        name = checked_name(name)
        check_password(password, name=name)
        self._check_end(role, expires_at)
        password_hash = self._hasher.hash(password)
        try:
            with self._store.transaction(rights=True) as database:
                user = database.execute(
                    "INSERT INTO users (name, role, password_hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
                    (name, role, password_hash, self._clock(), expires_at),
                ).lastrowid
                assert user is not None  # noqa: S101 - an INSERT has one
                write_grants(database, user, role, grants)
                return _row(database, _found(database, user))
        except sqlite3.IntegrityError:
            raise Conflict("There is somebody of this name already.") from None

    def change(
        self,
        user: int,
        *,
        role: GivenRole | None = None,
        grants: Grants | None = None,
        expires_at: float | EllipsisType | None = ...,
    ) -> UserRow:
        """What is left out stays as it is. Raises as `add`, `NotFound`, and `NotAllowed` for the owner, whose rights nobody
        takes."""
        with self._store.transaction(rights=True) as database:
            before = _row(database, _found(database, user))
            _refuse_owner(_found(database, user))
            new_role = role or _given(before.role)
            end = before.expires_at if isinstance(expires_at, EllipsisType) else expires_at
            if (new_role, end) != (before.role, before.expires_at):  # one that is over already may still be seen to
                self._check_end(new_role, end)
            database.execute("UPDATE users SET role = ?, expires_at = ? WHERE id = ?", (new_role, end, user))
            write_grants(database, user, new_role, before.grants if grants is None else grants)
            return _row(database, _found(database, user))

    def set_password(self, user: int, password: str, *, clear_factors: bool = False) -> None:
        """For somebody who forgot it: ends all sessions of that user. `clear_factors`: who lost phone and recovery codes,
        too, needs neither code nor passkey any more. Raises as `change`."""
        password_hash = self._hasher.hash(password)
        with self._store.transaction(rights=True) as database:
            row = _found(database, user)
            _refuse_owner(row)
            if clear_factors:
                turn_off(database, user)
                database.execute("DELETE FROM passkeys WHERE user_id = ?", (user,))
            check_password(password, name=row["name"], second_factor=totp_is_on(database, user))
            database.execute("UPDATE users SET password_hash = ? WHERE id = ?", (password_hash, user))
            end_sessions(database, user)

    def remove(self, user: int) -> UserRow:
        """With sessions, grants and keys. Raises `NotFound`, and `NotAllowed` for the owner."""
        with self._store.transaction(rights=True) as database:
            found = _found(database, user)
            _refuse_owner(found)
            row = _row(database, found)
            database.execute("DELETE FROM users WHERE id = ?", (user,))
        return row

    def _check_end(self, role: GivenRole, expires_at: float | None) -> None:
        if role == "guest" and expires_at is None:
            raise SettingError("A guest's access has an end: say when.")
        if expires_at is not None and not 0 < expires_at - self._clock() <= LONGEST_SECONDS:
            raise SettingError("Access ends within a year from now, and not in the past.")


def _found(database: sqlite3.Connection, user: int) -> sqlite3.Row:
    row: sqlite3.Row | None = database.execute(
        "SELECT id, name, role, created_at, expires_at FROM users WHERE id = ?", (user,)
    ).fetchone()
    if row is None:
        raise NotFound("There is no such user.")
    return row


def _row(database: sqlite3.Connection, row: sqlite3.Row) -> UserRow:
    return UserRow(**row, grants=granted_to(database, row["id"], row["role"]))


def _given(role: str) -> GivenRole:
    return "guest" if role == "guest" else "member"


def _refuse_owner(row: sqlite3.Row) -> None:
    if row["role"] == "owner":
        raise NotAllowed("The owner's rights cannot be changed here; pi-cam owner set names another owner.")
