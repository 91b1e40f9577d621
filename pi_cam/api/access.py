"""The guard before every request: who is it, may they, and does it come from our own page."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from flask import Flask, g, redirect, request
from werkzeug.exceptions import BadRequest, MethodNotAllowed, NotFound
from werkzeug.routing import WebsocketMismatch
from werkzeug.wrappers import Response

from pi_cam.api import arrival
from pi_cam.api.problems import for_program
from pi_cam.api.rules import Rule, rule_of
from pi_cam.api.services import services
from pi_cam.errors import Conflict, NotAllowed, NotSignedIn, PiCamError
from pi_cam.transport.viewers import Visitor
from pi_cam.trust.capabilities import CAPABILITIES, Person, allowed_somewhere, require, rights
from pi_cam.trust.portal_sessions import SECRET_PREFIX

OWN_HEADER = "X-Pi-Cam"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def install(app: Flask, own_names: list[str]) -> None:
    """Puts the guard before every request. `own_names`: hosts under which this device may be addressed on the LAN."""
    names = frozenset(name.lower().strip("[]") for name in own_names)

    @app.before_request
    def guard() -> Response | None:
        g.person = None
        g.refusal = None
        if not arrival.under_own_name(names):
            raise BadRequest("This is not a name of this camera.")
        rule = _rule(app)
        if rule is not None and (rule.lan_only if arrival.listener() == "tunnel" else rule.tunnel_only):
            raise NotFound
        if request.url_rule is None:
            return None  # 404 or 405 follows
        try:
            if rule is None:
                raise NotAllowed("This address is closed.")
            return _check(rule)
        except PiCamError as error:
            _note_refusal(error)
            if rule is None or not rule.websocket or (isinstance(error, NotAllowed) and error.args == (FOREIGN,)):
                raise
            g.refusal = error
            return None


FOREIGN = "This request comes from another site."


def current_person() -> Person:
    """Who makes this request. Raises `NotSignedIn`."""
    if not isinstance(g.person, Person):
        raise NotSignedIn("Sign in first.")
    return g.person


def visitor_of(person: Person, camera: str) -> Visitor:
    """The person as the doors to the pictures of this camera see them."""
    can = tuple(rights(person, camera))
    role = person.portal_role or person.role or ""
    return Visitor(person.key, person.name, person.session, can, visitor_address(), person.role == "owner", role)


def visitor_address() -> str:
    """Where this request comes from, for the journal."""
    return arrival.client_address()


def present_name() -> str:
    """Of whoever makes this request; empty before there is an owner, when nobody has a name."""
    return g.person.name if isinstance(g.person, Person) else ""


def note(action: str, *, camera: str = "", **detail: Any) -> None:
    """Into the journal, as done by whoever makes this request, or by `actor`."""
    actor = detail.pop("actor", present_name())
    services().journal.append(action, actor=actor, camera=camera, address=visitor_address(), **detail)


def note_for_portal() -> None:
    """Whoever makes this request changed a setting or a camera: the portal hears of it, and by whom."""
    here = services()
    here.configuration.edited(present_name())
    here.link.speak_soon()


def form_token() -> str:
    """What a form of the present session must carry."""
    person: Person | None = g.get("person")
    session = person.session if person and person.session else "anonymous"
    return hmac.new(services().form_key, f"form {session}".encode(), hashlib.sha256).hexdigest()


def _rule(app: Flask) -> Rule | None:
    """That of the route; where only the method is wrong, of the route for the right one."""
    endpoint = request.endpoint
    wrong = request.routing_exception
    if isinstance(wrong, MethodNotAllowed | WebsocketMismatch):
        method = next(iter(getattr(wrong, "valid_methods", None) or ["GET"]))
        adapter = app.url_map.bind_to_environ(request.environ)
        endpoint = adapter.match(method=method, websocket=False)[0]
    return rule_of(app.view_functions[endpoint]) if endpoint else None


def _note_refusal(error: PiCamError) -> None:
    """Into the journal: who shows a credential, or comes from another site, and is refused. Not a stranger who is only sent
    to sign in."""
    shown = "Authorization" in request.headers or arrival.cookie_name() in request.cookies
    if not isinstance(error, NotAllowed) and not (isinstance(error, NotSignedIn) and shown):
        return
    services().journal.append(
        "refused",
        actor=present_name(),
        camera=(request.view_args or {}).get("camera_id", ""),
        address=visitor_address(),
        result="refused",
        method=request.method,
        route=request.url_rule.rule if request.url_rule else "",
        why=str(error),
    )


def _check(rule: Rule) -> Response | None:
    if not rule.bearer_only:
        _refuse_foreign(rule)
    g.person, by_cookie = _identify(rule)
    if by_cookie and not rule.from_elsewhere and request.method not in SAFE_METHODS:
        _require_own_page()
    return _decide(rule)


def _decide(rule: Rule) -> Response | None:
    if rule.access == "public" or request.method == "OPTIONS":
        return None
    if rule.access in ("setup", "wizard"):
        if not services().accounts.has_owner():
            return None
        if rule.access == "setup" and g.person is None:
            raise Conflict("This camera has an owner already.")
    if g.person is None:
        if not for_program() and not services().accounts.has_owner():
            return redirect("/setup")
        raise NotSignedIn("Sign in first.")
    if rule.access in ("setup", "wizard"):
        require(g.person, "configure")
    elif rule.access in CAPABILITIES and not (rule.anywhere and allowed_somewhere(g.person, rule.access)):
        require(g.person, rule.access, None if rule.device else (request.view_args or {}).get("camera_id"))
    return None


def _identify(rule: Rule) -> tuple[Person | None, bool]:
    """The person, and whether a cookie said so."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        person = services().tokens.bearer(secret.strip()) if scheme.lower() == "bearer" else None
        if person is None and rule.access != "public":
            raise NotSignedIn("This token is not known, or was revoked.")
        return person, False
    cookie = request.cookies.get(arrival.cookie_name())
    if cookie and not rule.bearer_only:
        here = services()
        from_portal = cookie.startswith(SECRET_PREFIX)
        return (here.portal_sessions if from_portal else here.sessions).person(cookie), True
    return None, False


def _refuse_foreign(rule: Rule) -> None:
    """A browser says where a request was born: other sites may neither change anything here nor open a live socket."""
    if rule.from_elsewhere or (request.method in SAFE_METHODS and not rule.websocket):
        return
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{arrival.scheme()}://{request.host}":
        raise NotAllowed(FOREIGN)
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise NotAllowed(FOREIGN)


def _require_own_page() -> None:
    if request.headers.get(OWN_HEADER) == "1":
        return
    given = request.form.get("form_token", "") if request.mimetype == "application/x-www-form-urlencoded" else ""
    if not hmac.compare_digest(given.encode(), form_token().encode()):
        raise NotAllowed("This form is out of date: load the page again.")
