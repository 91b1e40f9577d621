"""Guesses at an account are slowed down; a browser in which its owner signed in before is counted for itself.

So nobody keeps the owner out by guessing at their account from elsewhere.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from flask import Response, request
from itsdangerous import BadData, URLSafeTimedSerializer

from web.portal import throttle
from web.portal.accounts.models import User
from web.portal.services import services

KNOWN_FOR = timedelta(days=365)


def key(email: str, user: User | None) -> tuple[str, ...]:
    """Under what an attempt at this address counts. `user`: who has it, if anybody."""
    browser = _browser_known_to(user)
    return ("browser", browser) if browser else account_key(email)


def account_key(email: str) -> tuple[str, ...]:
    """Under what an attempt from a browser counts that is not known."""
    return ("account", email)


def attempt_code(user: User) -> None:
    """Counts a code typed after the right password. Raises `TooManyTries`."""
    throttle.attempt("code", str(user.id))


def forget_codes(user: User) -> None:
    """A right one forgives the wrong ones."""
    throttle.succeeded("code", str(user.id))


def remember_browser(response: Response, user: User) -> None:
    """Makes this browser known to a person who just signed in. What it gets opens nothing."""
    response.set_cookie(
        _cookie(),
        _serializer().dumps([user.id, secrets.token_hex(8)]),
        max_age=KNOWN_FOR,
        path="/",
        secure=services().settings.secure,
        httponly=True,
        samesite="Lax",
    )


def _browser_known_to(user: User | None) -> str | None:
    try:
        said = _serializer().loads(request.cookies.get(_cookie(), ""), max_age=int(KNOWN_FOR.total_seconds()))
        owner, browser = said
    except (BadData, ValueError, TypeError):
        return None
    return str(browser) if user is not None and owner == user.id else None


def _cookie() -> str:
    return "__Host-known" if services().settings.secure else "known"


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(services().settings.key("known browsers"), salt="known")
