"""Who may use a view. Each says so by `@rule`; one that says nothing is closed."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import Flask, g, request, session
from flask_login import current_user

from web.portal.errors import NotAllowed, NotSignedIn, Unavailable
from web.portal.services import services

Access = Literal["public", "person", "fresh", "device"]
"""`public`: anybody. `person`: whoever is signed in. `fresh`: who proved a moment ago that it is they.
`device`: a device that signed in by its key."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FRESH_SECONDS = 15 * 60.0
PROVED_AT = "fs_paa"
"""Where Flask-Security notes in the session when somebody proved who they are."""
FOREIGN = "This request comes from another site."
DATABASE_GONE = "The portal cannot reach its database at the moment. Nothing was changed; please try again in a minute."

DEVICE_PATHS = "/device/v1/"
ATTRIBUTE, PAGE = "_portal_rule", "_portal_page"

View = TypeVar("View", bound=Callable[..., Any])


class NotFresh(NotSignedIn):
    """Somebody is signed in, but for too long to do this without proving again that it is they."""


def rule(access: Access, page: str = "") -> Callable[[View], View]:
    """Decorates a view, below the route decorator. `page`: on which its form stands, with the arguments of the route in
    braces; who has to prove first that it is they is sent back there, and finds what they typed."""

    def attach(view: View) -> View:
        setattr(view, ATTRIBUTE, access)
        setattr(view, PAGE, page)
        return view

    return attach


def rule_of(view: Callable[..., Any] | None) -> Access | None:
    """What a view says of itself."""
    return getattr(view, ATTRIBUTE, None)


def page_of_form(app: Flask) -> str:
    """The page on which the form of the present request stands; empty when it names none."""
    page = getattr(app.view_functions[request.endpoint or ""], PAGE, "")
    return str(page.format(**(request.view_args or {})))


def install(app: Flask, known_device: Callable[[], None]) -> None:
    """Puts the guard before every request. `known_device` raises `NotSignedIn` unless a device makes it."""

    @app.before_request
    def guard() -> None:
        if request.url_rule is None:
            return  # 404 or 405 follows
        access = rule_of(app.view_functions[request.endpoint or ""])
        if access is None:
            raise NotAllowed("This address is closed.")
        if is_file():
            return
        if getattr(session, "lost", False):
            raise Unavailable(DATABASE_GONE)
        if request.method not in SAFE_METHODS:
            _refuse_foreign()
        if access == "device":
            known_device()
        elif access != "public":
            _require_person(fresh=access == "fresh")


def is_file() -> bool:
    """Whether a file of the pages is asked for, or whether the portal lives: for which no session is looked up."""
    return request.path.startswith(("/ui/", "/portal/")) or request.path in ("/healthz", "/.well-known/security.txt")


def has_no_session() -> bool:
    """Whether no person's session counts: for files, and for what devices say."""
    return is_file() or request.path.startswith(DEVICE_PATHS)


def is_fresh() -> bool:
    """Whether whoever is signed in proved it a moment ago."""
    proved = session.get(PROVED_AT)
    return isinstance(proved, float) and -60.0 < services().clock().timestamp() - proved < FRESH_SECONDS


def prove() -> None:
    """Notes that whoever is signed in has just proved it."""
    session[PROVED_AT] = services().clock().timestamp()


def same(one: str, other: str) -> bool:
    """Compares in a time that tells nothing."""
    return hmac.compare_digest(one.encode(), other.encode())


def _require_person(*, fresh: bool) -> None:
    if not current_user.is_authenticated:
        raise NotSignedIn("Sign in first.")
    g.person = current_user._get_current_object()
    if fresh and not is_fresh():
        raise NotFresh("Please prove once more that it is you.")


def _refuse_foreign() -> None:
    """A browser says where a request was born: other sites may change nothing here."""
    origin = request.headers.get("Origin")
    if origin is not None and origin != services().settings.url:
        raise NotAllowed(FOREIGN)
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise NotAllowed(FOREIGN)
