"""Who has an account: making one, proving who one is, changing it, ending it."""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta
from typing import cast

from flask import current_app, g, request, session
from flask_security.utils import hash_password, login_user, verify_password
from flask_wtf.csrf import generate_csrf
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from web import passwords
from web.portal import throttle
from web.portal.accounts import guesses, sessions
from web.portal.accounts.models import User
from web.portal.accounts.sessions import ACCOUNT_KEY, REMEMBER_KEY, PortalSession
from web.portal.database import db, despite_deadlocks
from web.portal.errors import NotSignedIn, Refused
from web.portal.rules import prove
from web.portal.services import services

UNCONFIRMED_FOR = timedelta(days=7)
"""How long an address is kept that nobody has shown to be theirs."""
WRONG = "The address or the password is wrong."
WRONG_PASSWORD = "The present password is wrong."

log = logging.getLogger(__name__)


def find(email: str) -> User | None:
    """By the normalised address."""
    return db.session.execute(select(User).where(User.email == email)).scalar_one_or_none()


def check_password(password: str, email: str) -> None:
    """Raises `Refused` for one that is too easy to guess. Always as for a password alone: what is safe beside a second
    factor would not be when that is turned off again."""
    sentence = passwords.objection(passwords.normalised(password), name=email)
    if sentence:
        raise Refused(sentence)


def sign_up(email: str, password: str, language: str) -> tuple[User, bool]:
    """The account, and whether it waits for its first confirmation. One that waits already is made anew, so that only the
    newest password and the newest link count; one that is confirmed is left as it is. Takes as long either way."""
    hashed = _hashed(password)
    return despite_deadlocks(lambda: _sign_up(email, hashed, language))


def prove_password(user: User | None, email: str, password: str, wrong: str = WRONG) -> User:
    """The user, whose password this is. Raises `NotSignedIn`, after the same time for an address that nobody has, and
    `TooManyTries`. Forgive the attempt with `forgive` when nothing more is asked."""
    throttle.attempt(*guesses.key(email, user))
    stored = user.password if user is not None else _nobody()
    right = verify_password(passwords.normalised(password), stored)
    if user is None or not right or not user.active:
        log.warning("a wrong password for user %s from %s", user.id if user else "nobody", request.remote_addr)
        raise NotSignedIn(wrong)
    return user


def forgive(user: User) -> None:
    """Forgets the attempts that counted for this person from here."""
    throttle.succeeded(*guesses.key(user.email, user))


def sign_in(user: User, *, remember: bool) -> None:
    """From here on this browser is theirs."""
    mine = own_session()
    mine.renew()
    mine[ACCOUNT_KEY], mine[REMEMBER_KEY] = user.id, remember
    login_user(user, remember=False)
    prove()
    # Now, so that two pages that are opened at once do not each make their own, of which one would be lost.
    g.pop(current_app.config["WTF_CSRF_FIELD_NAME"], None)
    generate_csrf()
    log.info("user %d signed in from %s", user.id, request.remote_addr)


def set_password(user: User, password: str) -> None:
    """Ends every sign-in and every link; the view commits, and signs in anew who is here."""
    user.password = _hashed(password)
    renew(user)


def renew(user: User) -> None:
    """Ends every sign-in and every link, after a change of what proves who somebody is; the view commits."""
    log.info("the password or the address of user %d is changed from %s", user.id, request.remote_addr)
    end_everywhere(user)


def end_everywhere(user: User) -> None:
    """Ends every sign-in and every link, and what was opened on devices; whoever calls it commits."""
    user.fs_uniquifier = secrets.token_hex(32)
    sessions.revoke_others(user.id, None, services().clock())
    services().renewed(user.id)


def delete_account(user: User) -> None:
    """With all that belongs to it, and what waits for its address; whoever calls it commits."""
    services().forgotten(user.email)
    db.session.delete(user)


def person() -> User:
    """Whoever is signed in; the rule of the view has seen to it."""
    return cast("User", g.person)


def own_session() -> PortalSession:
    """That of the present request."""
    return cast("PortalSession", session._get_current_object())  # type: ignore[attr-defined]  # werkzeug's proxy


def _sign_up(email: str, hashed: str, language: str) -> tuple[User, bool]:
    forgotten = services().clock() - UNCONFIRMED_FOR
    db.session.execute(delete(User).where(User.confirmed_at.is_(None), User.created_at < forgotten))
    user = find(email)
    if user is None:
        user = User(email=email, active=True, created_at=services().clock(), passkey_handle=secrets.token_bytes(32))
        db.session.add(user)
    elif user.confirmed_at is not None:
        return user, False
    user.password, user.language, user.fs_uniquifier = hashed, language, secrets.token_hex(32)
    try:
        db.session.commit()
    except (IntegrityError, StaleDataError):  # somebody else signed up with it at the same moment
        db.session.rollback()
        found = find(email)
        if found is None:
            raise
        return found, found.confirmed_at is None
    return user, True


def _hashed(password: str) -> str:
    return hash_password(passwords.normalised(password))


_NOBODY: dict[int, str] = {}


def _nobody() -> str:
    """The hash of a password that nobody has, of the same cost as everybody's."""
    cost = services().settings.bcrypt_cost
    if cost not in _NOBODY:
        _NOBODY[cost] = hash_password(secrets.token_urlsafe(32))
    return _NOBODY[cost]
