"""Signing in and out, by JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TypedDict

from flask import Blueprint, Response, jsonify, request
from werkzeug.wrappers import Response as BaseResponse

from pi_cam.api.access import current_person, note, visitor_address
from pi_cam.api.arrival import cookie_name, is_secure, known_cookie_name, scheme
from pi_cam.api.factor_schemas import PasskeySignInSchema
from pi_cam.api.rules import rule
from pi_cam.api.schemas import AnyObjectSchema, PersonSchema, SessionsSchema, SignInSchema, json_body
from pi_cam.api.services import services
from pi_cam.errors import NotAllowed, NotFound, NotSignedIn, SecondFactorNeeded, TooManyTries
from pi_cam.trust.capabilities import Person, in_order
from pi_cam.trust.passkeys import Site

blueprint = Blueprint("sessions", __name__, url_prefix="/api/v1/sessions")


KNOWN_SECONDS = 400 * 86_400
"""As long as a browser keeps a cookie at all."""


class Where(TypedDict):
    """What is kept of the browser that signs in."""

    address: str
    agent: str


def where() -> Where:
    """The present one."""
    return {"address": visitor_address(), "agent": request.headers.get("User-Agent", "")}


def open_session(name: str, password: str, code: str | None = None) -> tuple[str, Person]:
    """A new session's secret and whose it is. Raises `NotSignedIn`, `SecondFactorNeeded`, `TooManyTries`."""
    accounts = services().accounts
    # A name that nobody has is not written down: it may be a password, typed into the wrong field.
    with _noting(lambda: accounts.known_name(name), code) as signed_in:
        known = request.cookies.get(known_cookie_name())
        secret, person = accounts.sign_in(name, password, code, known=known, **where())
        signed_in(person)
    return secret, person


def go_on(ticket: str, code: str) -> tuple[str, Person]:
    """The second step. Answers and raises as `open_session`."""
    accounts = services().accounts
    actor = accounts.waiting(ticket)
    with _noting(lambda: actor, code) as signed_in:
        secret, person = accounts.go_on(ticket, code, **where())
        signed_in(person)
    return secret, person


def own_site() -> Site:
    """What passkeys go by: the name by which the browser calls us. Raises `Conflict` where there are none."""
    return Site.of(scheme(), request.environ.get("HTTP_HOST", ""))


@contextmanager
def _noting(actor: Callable[[], str], code: str | None, by: str = "password") -> Iterator[Callable[[Person], None]]:
    """Who signed in, or was refused, into the journal."""
    journal, address = services().journal, visitor_address()

    def signed_in(person: Person) -> None:
        journal.append("signed-in", actor=person.name, address=address, by=f"{by} and code" if code else by)

    try:
        yield signed_in
    except (NotSignedIn, TooManyTries) as error:
        if isinstance(error, SecondFactorNeeded) and not code:
            journal.append("code-asked", actor=actor(), address=address)
        else:
            journal.append("sign-in-refused", actor=actor(), address=address, result="refused", why=str(error))
        raise


def set_cookie(response: BaseResponse, secret: str, person: Person) -> None:
    """Puts the session into the browser, and that this person signed in here."""
    lifetime = int(services().settings.number("session_hours") * 3600)
    cookies = [(cookie_name(), secret, lifetime)]
    user = local_user(person)
    if user is not None:
        cookies.append((known_cookie_name(), services().accounts.browsers.issue(user), KNOWN_SECONDS))
    for name, value, seconds in cookies:
        response.set_cookie(name, value, max_age=seconds, path="/", httponly=True, samesite="Lax", secure=is_secure())


def clear_cookie(response: Response) -> None:
    """Takes it out again."""
    response.delete_cookie(cookie_name(), path="/", httponly=True, samesite="Lax", secure=is_secure())


def local_user(person: Person) -> int | None:
    """The id of a person who has an account on this device itself."""
    kind, _, number = person.key.partition(" ")
    return int(number) if kind == "user" else None


def own_user() -> tuple[int, str]:
    """The signed-in user's id and session. Raises `NotAllowed` for a token, which is nobody's session, and for who came
    from the portal, whose account is there."""
    person = current_person()
    if person.session is None:
        raise NotAllowed("A token has no session of its own.")
    user = local_user(person)
    if user is None:
        raise NotAllowed("You came in from the portal: your account is there.")
    return user, person.session


def sign_out() -> None:
    """Ends the present session, and what is watched with it."""
    person, here = current_person(), services()
    if person.session is None:
        raise NotAllowed("A token has no session of its own.")
    (here.sessions if local_user(person) is not None else here.portal_sessions).end(person.session)
    note("signed-out")
    here.present.check_now()


@blueprint.post("")
@rule("Sign in", "public", {201: PersonSchema, 401: None, 429: None, 503: None}, body=SignInSchema)
def create() -> Response:
    """Name and password against a session cookie. 401 with the code `second-factor`: right, but `code` is missing or
    wrong."""
    given = json_body(SignInSchema)
    return _signed_in(*open_session(given["name"], given["password"], given["code"]))


@blueprint.post("/passkey/options")
@rule("Begin to sign in with a passkey", "public", {200: AnyObjectSchema, 409: None})
def passkey_options() -> Response:
    """`PublicKeyCredentialRequestOptionsJSON`: good once, for five minutes."""
    return jsonify(services().passkeys.options_to_sign_in(own_site()))


@blueprint.post("/passkey")
@rule("Sign in with a passkey", "public", {201: PersonSchema, 401: None, 409: None}, body=PasskeySignInSchema)
def create_by_passkey() -> Response:
    """`AuthenticationResponseJSON` against a session cookie. It counts as both factors."""
    credential = json_body(PasskeySignInSchema)["credential"]
    here, site = services(), own_site()
    with _noting(lambda: "", None, by="passkey") as signed_in:
        secret, person = here.accounts.enter(here.passkeys.owner_of(site, credential), **where())
        signed_in(person)
    return _signed_in(secret, person)


@blueprint.get("")
@rule("My sessions", "person", {200: SessionsSchema})
def list_all() -> Response:
    """Where I am signed in; nothing for a token."""
    person = current_person()
    user = local_user(person)
    rows = services().sessions.of(user) if user is not None else []
    return jsonify(sessions=[{**asdict(row), "current": row.id == person.session} for row in rows])


@blueprint.delete("/current")
@rule("Sign out", "person", {204: None})
def delete_current() -> Response:
    """Ends this session."""
    sign_out()
    response = Response(status=204)
    clear_cookie(response)
    return response


@blueprint.delete("/<session>")
@rule("Sign out elsewhere", "person", {204: None})
def delete_one(session: str) -> Response:
    """Ends one of my own sessions: a lost phone, a borrowed computer."""
    user, _ = own_user()
    here = services()
    if not here.sessions.end(session, of=user):
        raise NotFound("There is no such session.")
    note("session-ended")
    here.present.check_now()
    return Response(status=204)


def _signed_in(secret: str, person: Person) -> Response:
    response = jsonify(_described(person))
    response.status_code = 201
    set_cookie(response, secret, person)
    return response


def _described(person: Person) -> dict[str, object]:
    on = {camera: in_order(can) for camera, can in person.on.items()}
    return {"name": person.name, "role": person.role, "can": in_order(person.can), "cameras": on}
