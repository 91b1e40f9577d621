"""Signing in and out, by JSON."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, jsonify, request

from pi_cam.api.access import current_person, note, visitor_address
from pi_cam.api.arrival import cookie_name, is_secure
from pi_cam.api.rules import rule
from pi_cam.api.schemas import PersonSchema, SessionsSchema, SignInSchema, json_body
from pi_cam.api.services import services
from pi_cam.errors import NotAllowed, NotFound, NotSignedIn, TooManyTries
from pi_cam.trust.capabilities import Person, in_order

blueprint = Blueprint("sessions", __name__, url_prefix="/api/v1/sessions")


def open_session(name: str, password: str) -> tuple[str, Person]:
    """A new session's secret and whose it is. Raises `NotSignedIn`, `TooManyTries`."""
    here, address = services(), visitor_address()
    try:
        secret, person = here.accounts.sign_in(
            name, password, address=address, agent=request.headers.get("User-Agent", "")
        )
    except (NotSignedIn, TooManyTries) as error:
        # A name that nobody has is not written down: it may be a password, typed into the wrong field.
        actor = here.accounts.known_name(name)
        here.journal.append("sign-in-refused", actor=actor, address=address, result="refused", why=str(error))
        raise
    here.journal.append("signed-in", actor=person.name, address=address)
    return secret, person


def set_cookie(response: Response, secret: str) -> None:
    """Puts the session into the browser."""
    lifetime = int(services().settings.number("session_hours") * 3600)
    response.set_cookie(
        cookie_name(), secret, max_age=lifetime, path="/", httponly=True, samesite="Lax", secure=is_secure()
    )


def clear_cookie(response: Response) -> None:
    """Takes it out again."""
    response.delete_cookie(cookie_name(), path="/", httponly=True, samesite="Lax", secure=is_secure())


def own_user() -> tuple[int, str]:
    """The signed-in user's id and session. Raises `NotAllowed` for a token, which is nobody's session."""
    person = current_person()
    if person.session is None:
        raise NotAllowed("A token has no session of its own.")
    return int(person.key.removeprefix("user ")), person.session


def sign_out() -> None:
    """Ends the present session, and what is watched with it."""
    _, session = own_user()
    here = services()
    here.sessions.end(session)
    note("signed-out")
    here.present.check_now()


@blueprint.post("")
@rule("Sign in", "public", {201: PersonSchema, 401: None, 429: None}, body=SignInSchema)
def create() -> Response:
    """Name and password against a session cookie."""
    given = json_body(SignInSchema)
    secret, person = open_session(given["name"], given["password"])
    response = jsonify(_described(person))
    response.status_code = 201
    set_cookie(response, secret)
    return response


@blueprint.get("")
@rule("My sessions", "person", {200: SessionsSchema})
def list_all() -> Response:
    """Where I am signed in; nothing for a token."""
    person = current_person()
    rows = services().sessions.of(own_user()[0]) if person.session else []
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


def _described(person: Person) -> dict[str, object]:
    on = {camera: in_order(can) for camera, can in person.on.items()}
    return {"name": person.name, "role": person.role, "can": in_order(person.can), "cameras": on}
