"""Sessions: before somebody signs in a signed cookie, from then on a row of `sign_ins` that the cookie's secret names.

The cookie of somebody who is signed in holds nothing but a secret of 256 bits; the row can be listed, and ended from
elsewhere. Signing in always makes a new secret, so that one that somebody else planted is worth nothing.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, Request, Response, request
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SecureCookieSessionInterface, SessionInterface, SessionMixin
from itsdangerous import BadSignature
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import CallbackDict

from web.portal.accounts.models import SignIn
from web.portal.database import Clock, apart, db
from web.portal.kept import hashed
from web.portal.rules import has_no_session

USER_KEY = "_user_id"
"""Where Flask-Login says in the session who is signed in."""
ACCOUNT_KEY, REMEMBER_KEY = "account", "remember"

IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=12)
IDLE_REMEMBERED, LONGEST_REMEMBERED = timedelta(days=14), timedelta(days=30)
VISIT = timedelta(hours=2)
"""How long the cookie of somebody who is not signed in is good."""
NOTED_EVERY = timedelta(seconds=60)
"""How stale "last used" may be: no write for every page."""

log = logging.getLogger(__name__)
_serializer = TaggedJSONSerializer()


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of the sign-in that a request's cookie names."""

    id: int
    user_id: int
    used_at: datetime


class PortalSession(CallbackDict[str, Any], SessionMixin):
    """`row`: None before signing in. `lost`: the database did not answer, so that nobody knows who this is."""

    def __init__(self, initial: dict[str, Any] | None = None, row: Row | None = None, *, lost: bool = False) -> None:
        super().__init__(initial, _note_change)
        self.modified = False
        self.row = row
        self.lost = lost
        self.renewed = False

    def renew(self) -> None:
        """From here on somebody (else) is signed in: the old secret ends, what it held is forgotten."""
        self.clear()
        self.renewed = True


def _note_change(session: Any) -> None:
    session.modified = True


class Sessions(SessionInterface):
    """`secure`: whether browsers speak TLS, where the cookie's name binds it to this host (`__Host-`)."""

    def __init__(self, clock: Clock, *, secure: bool) -> None:
        self._clock = clock
        self._secure = secure
        self._visits = SecureCookieSessionInterface()
        self.cookie = "__Host-sid" if secure else "sid"

    def open_session(self, app: Flask, request: Request) -> PortalSession:
        """Never raises: a session that cannot be looked up is `lost`."""
        value = request.cookies.get(self.cookie, "")
        if not value or has_no_session():
            return PortalSession()
        if "." in value:
            return PortalSession(self._visit(app, value))
        try:
            return self._signed_in(value)
        except SQLAlchemyError as error:
            log.error("a session could not be looked up: %s", type(error).__name__)
            return PortalSession(lost=True)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Writes what changed; raises what the database raises."""
        if not isinstance(session, PortalSession) or session.lost or has_no_session():
            return
        db.session.rollback()  # what a view did not commit is not meant to stay, and its connection is free again
        response.vary.add("Cookie")
        if session.row is not None and (session.renewed or USER_KEY not in session):
            revoke(session.row.user_id, session.row.id, self._clock())
        if USER_KEY in session and session.row is not None and not session.renewed:
            self._note_use(session, session.row)
        elif USER_KEY in session:
            self._set(response, self._begin(session), remember=bool(session.get(REMEMBER_KEY)))
        elif session.row is not None or session.modified:
            self._leave(app, session, response)

    def _visit(self, app: Flask, value: str) -> dict[str, Any]:
        signer = self._visits.get_signing_serializer(app)
        try:
            data = signer.loads(value, max_age=int(VISIT.total_seconds())) if signer else None
        except BadSignature:
            return {}
        # What names somebody who is signed in counts from the table only.
        return data if isinstance(data, dict) and USER_KEY not in data else {}

    def _leave(self, app: Flask, session: PortalSession, response: Response) -> None:
        if not session:
            response.delete_cookie(self.cookie, path="/", secure=self._secure, httponly=True, samesite="Lax")
            return
        signer = self._visits.get_signing_serializer(app)
        if signer is not None:
            self._set(response, str(signer.dumps(dict(session))), remember=False)

    def _signed_in(self, secret: str) -> PortalSession:
        now = self._clock()
        with db.engine.connect() as connection:
            found = connection.execute(
                select(SignIn.id, SignIn.user_id, SignIn.used_at, SignIn.idle_seconds, SignIn.data).where(
                    SignIn.token_hash == hashed(secret), SignIn.revoked_at.is_(None), SignIn.expires_at > now
                )
            ).first()
        if found is None or now - found.used_at > timedelta(seconds=found.idle_seconds):
            return PortalSession()
        return PortalSession(_serializer.loads(found.data), Row(found.id, found.user_id, found.used_at))

    def _begin(self, session: PortalSession) -> str:
        now, secret, remember = self._clock(), secrets.token_urlsafe(32), bool(session.get(REMEMBER_KEY))
        with apart() as connection:
            connection.execute(delete(SignIn).where(SignIn.expires_at < now - LONGEST_REMEMBERED))
            connection.execute(
                insert(SignIn).values(
                    user_id=session[ACCOUNT_KEY],
                    token_hash=hashed(secret),
                    created_at=now,
                    used_at=now,
                    expires_at=now + (LONGEST_REMEMBERED if remember else LONGEST),
                    idle_seconds=int((IDLE_REMEMBERED if remember else IDLE).total_seconds()),
                    address=(request.remote_addr or "")[:45],
                    browser=request.headers.get("User-Agent", "")[:200],
                    data=_serializer.dumps(dict(session)),
                )
            )
        return secret

    def _note_use(self, session: PortalSession, row: Row) -> None:
        now = self._clock()
        if not session.modified and now - row.used_at < NOTED_EVERY:
            return
        # What did not change is not written: another request of this browser may have changed it meanwhile.
        changed = {"data": _serializer.dumps(dict(session))} if session.modified else {}
        with apart() as connection:
            connection.execute(
                update(SignIn).where(SignIn.id == row.id, SignIn.revoked_at.is_(None)).values(used_at=now, **changed)
            )

    def _set(self, response: Response, value: str, *, remember: bool) -> None:
        response.set_cookie(
            self.cookie,
            value,
            max_age=LONGEST_REMEMBERED if remember else None,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="Lax",
        )


@dataclass(frozen=True, slots=True)
class SignInRow:
    """What a person may see of one of their sign-ins."""

    id: int
    created_at: datetime
    used_at: datetime
    address: str
    agent: str


def list_of(user: int, now: datetime) -> list[SignInRow]:
    """Where a person is signed in, the last used first."""
    rows = db.session.execute(
        select(SignIn)
        .where(SignIn.user_id == user, SignIn.revoked_at.is_(None), SignIn.expires_at > now)
        .order_by(SignIn.used_at.desc(), SignIn.id.desc())
    ).scalars()
    return [
        SignInRow(row.id, row.created_at, row.used_at, row.address, row.browser)
        for row in rows
        if now - row.used_at <= timedelta(seconds=row.idle_seconds)
    ]


def revoke(user: int, sign_in: int, now: datetime) -> bool:
    """Ends one; False when this person has no such one."""
    with apart() as connection:
        done = connection.execute(
            update(SignIn)
            .where(SignIn.id == sign_in, SignIn.user_id == user, SignIn.revoked_at.is_(None))
            .values(revoked_at=now, data="{}")
        )
    return bool(done.rowcount)


def revoke_others(user: int, kept: int | None, now: datetime) -> None:
    """Ends all but one; within the transaction of the present view, which commits."""
    db.session.execute(
        update(SignIn)
        .where(SignIn.user_id == user, SignIn.revoked_at.is_(None), SignIn.id != (kept or 0))
        .values(revoked_at=now, data="{}")
    )
