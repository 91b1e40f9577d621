"""Passkeys (WebAuthn): a key in the person's phone, computer or token, unlocked there. One counts as both factors."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import webauthn
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from pi_cam.errors import Conflict, NotFound, NotSignedIn, SettingError
from pi_cam.store import Store
from pi_cam.trust.names import checked_name
from pi_cam.trust.tickets import LIFETIME_SECONDS, SignedTickets, Tickets

NAME_OF_THE_SITE = "Caméra Connectée"
MOST_PER_USER = 20
NOT_ACCEPTED = "This passkey was not accepted."

# What the library lets through of bytes that somebody made up, beside its own errors.
BAD_ANSWER = (
    WebAuthnException,
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the browser believes itself to be. `host`: the name that a passkey is good for; `origin`: what it says then."""

    host: str
    origin: str

    @classmethod
    def of(cls, scheme: str, host: str) -> Site:
        """`host`: a Host header that was checked to name this device (`pi-cam.local:8443`). Raises `Conflict` for an address
        of numbers, for which browsers have no passkeys."""
        host = host.lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        if _is_address(name.strip("[]")):
            raise Conflict("Passkeys work under a name, not under an address of numbers: open this camera by its name.")
        return cls(name, f"{scheme}://{host}")


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    """What may be shown of one. `host`: the name under which it works. `used_at`: None for never."""

    id: str
    name: str
    host: str
    created_at: float
    used_at: float | None


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the authenticator of somebody who adds a passkey is to sign, for."""

    host: str
    user: int
    session: str


class Passkeys:
    """Of all users, for all names of this device. `key`: `Store.secret()`."""

    def __init__(
        self,
        store: Store,
        key: bytes,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._to_add: Tickets[Challenge] = Tickets(monotonic)
        self._to_sign_in = SignedTickets(monotonic)  # anybody may ask for these, and as often as they like

    def list(self, user: int) -> list[PasskeyRow]:
        """A user's own, the oldest first."""
        with self._store.transaction() as database:
            rows = database.execute(
                "SELECT id, name, host, created_at, used_at FROM passkeys WHERE user_id = ? ORDER BY created_at",
                (user,),
            ).fetchall()
        return [PasskeyRow(**{**dict(row), "id": bytes_to_base64url(row["id"])}) for row in rows]

    def options_to_add(self, user: int, session: str, site: Site) -> dict[str, Any]:
        """`PublicKeyCredentialCreationOptionsJSON`, for a user who has just proved who they are. Raises `Conflict` when
        there are too many."""
        with self._store.transaction() as database:
            who = database.execute("SELECT id, name, created_at FROM users WHERE id = ?", (user,)).fetchone()
            there = database.execute("SELECT id, host FROM passkeys WHERE user_id = ?", (user,)).fetchall()
        if len(there) >= MOST_PER_USER:
            raise Conflict(f"An account has at most {MOST_PER_USER} passkeys; remove one first.")
        challenge = self._to_add.give(Challenge(site.host, user, session))
        options = webauthn.generate_registration_options(
            rp_id=site.host,
            rp_name=NAME_OF_THE_SITE,
            user_id=self._handle(who),
            user_name=who["name"],
            challenge=base64url_to_bytes(challenge),
            timeout=int(LIFETIME_SECONDS * 1000),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[
                PublicKeyCredentialDescriptor(id=row["id"]) for row in there if row["host"] == site.host
            ],
        )
        return options_to_json_dict(options)

    def add(self, user: int, session: str, site: Site, name: str, credential: dict[str, Any]) -> PasskeyRow:
        """`credential`: `RegistrationResponseJSON`. Raises `SettingError` for one that does not fit what was asked."""
        name = checked_name(name)
        with _refusing(SettingError):
            challenge = _challenge_of(credential)
            taken = self._to_add.take(challenge)
            if taken is None or taken[0] != Challenge(site.host, user, session):
                raise ValueError
            verified = webauthn.verify_registration_response(
                credential=credential,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=site.host,
                expected_origin=site.origin,
                require_user_verification=True,
            )
        row = PasskeyRow(bytes_to_base64url(verified.credential_id), name, site.host, self._clock(), None)
        try:
            with self._store.transaction(rights=True) as database:
                database.execute(
                    "INSERT INTO passkeys (id, user_id, public_key, sign_count, host, name, created_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        verified.credential_id,
                        user,
                        verified.credential_public_key,
                        verified.sign_count,
                        row.host,
                        row.name,
                        row.created_at,
                    ),
                )
        except sqlite3.IntegrityError:
            raise Conflict("This passkey is here already.") from None
        return row

    def remove(self, user: int, passkey: str) -> str:
        """Its name. Raises `NotFound` when this user has no such one."""
        with self._store.transaction(rights=True) as database:
            rows = database.execute("SELECT id, name FROM passkeys WHERE user_id = ?", (user,)).fetchall()
            found = [row for row in rows if bytes_to_base64url(row["id"]) == passkey]
            if not found:
                raise NotFound("There is no such passkey.")
            database.execute("DELETE FROM passkeys WHERE id = ?", (found[0]["id"],))
        return str(found[0]["name"])

    def options_to_sign_in(self, site: Site) -> dict[str, Any]:
        """`PublicKeyCredentialRequestOptionsJSON`, for anybody: the authenticator itself knows for whom it has a passkey."""
        options = webauthn.generate_authentication_options(
            rp_id=site.host,
            challenge=base64url_to_bytes(self._to_sign_in.give(site.host)),
            timeout=int(LIFETIME_SECONDS * 1000),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json_dict(options)

    def owner_of(self, site: Site, credential: dict[str, Any]) -> int:
        """Whose passkey made this `AuthenticationResponseJSON`. Raises `NotSignedIn`, with the same words for whatever is
        wrong with it."""
        with _refusing(NotSignedIn):
            challenge = _challenge_of(credential)
            if not self._to_sign_in.is_good(challenge, site.host):
                raise ValueError
            row = self._row(credential, site)
            verified = webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=site.host,
                expected_origin=site.origin,
                credential_public_key=row["public_key"],
                credential_current_sign_count=row["sign_count"],
                require_user_verification=True,
            )
            if not self._to_sign_in.use(challenge):
                raise ValueError
        with self._store.transaction() as database:
            database.execute(
                "UPDATE passkeys SET sign_count = ?, used_at = ? WHERE id = ?",
                (verified.new_sign_count, self._clock(), row["id"]),
            )
        user: int = row["user_id"]
        return user

    def _row(self, credential: dict[str, Any], site: Site) -> sqlite3.Row:
        """The passkey that it says to be, when it also names the right user (WebAuthn, 7.2, step 6)."""
        with self._store.transaction() as database:
            row: sqlite3.Row | None = database.execute(
                "SELECT passkeys.id, user_id, public_key, sign_count, users.created_at FROM passkeys"
                " JOIN users ON users.id = user_id WHERE passkeys.id = ? AND host = ?",
                (base64url_to_bytes(credential["rawId"]), site.host),
            ).fetchone()
        handle = base64url_to_bytes(credential["response"]["userHandle"])
        if row is None or not hmac.compare_digest(handle, self._handle(row, user=row["user_id"])):
            raise ValueError
        return row

    def _handle(self, row: sqlite3.Row, *, user: int | None = None) -> bytes:
        """What the authenticator keeps of the user: it tells nobody anything, and is not given to a later user of the same
        number, whose passkeys it would mix with these."""
        text = f"passkeys of {user or row['id']}, made at {row['created_at']!r}"
        return hmac.digest(self._key, text.encode(), hashlib.sha256)


def _challenge_of(credential: dict[str, Any]) -> str:
    """The challenge that it says was signed (not verified yet). Raises `ValueError` and others of `BAD_ANSWER`."""
    said = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
    if said.get("crossOrigin"):  # our pages stand in no other site's frame
        raise ValueError
    return str(said["challenge"])


@contextmanager
def _refusing(error: type[NotSignedIn | SettingError]) -> Iterator[None]:
    try:
        yield
    except BAD_ANSWER:
        raise error(NOT_ACCEPTED) from None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
