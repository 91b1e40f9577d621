"""Signing in and out, by JSON."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, jsonify, request

from pi_cam.api import live
from pi_cam.api.access import current_person
from pi_cam.api.arrival import client_address, cookie_name, is_secure
from pi_cam.api.rules import rule
from pi_cam.api.schemas import PersonSchema, SessionsSchema, SignInSchema, json_body
from pi_cam.api.services import services
from pi_cam.errors import NotAllowed
from pi_cam.trust.capabilities import Person, in_order

blueprint = Blueprint("sessions", __name__, url_prefix="/api/v1/sessions")


def open_session(name: str, password: str) -> tuple[str, Person]:
    """A new session's secret and whose it is. Raises `NotSignedIn`, `TooManyTries`."""
    return services().accounts.sign_in(
        name, password, address=client_address(), agent=request.headers.get("User-Agent", "")
    )


def set_cookie(response: Response, secret: str) -> None:
    """Puts the session into the browser."""
    lifetime = int(services().settings.number("session_hours") * 3600)
    response.set_cookie(
        cookie_name(), secret, max_age=lifetime, path="/", httponly=True, samesite="Lax", secure=is_secure()
    )


def clear_cookie(response: Response) -> None:
    """Takes it out again."""
    response.delete_cookie(cookie_name(), path="/", httponly=True, samesite="Lax", secure=is_secure())


def sign_out(session: str) -> None:
    """Ends a session, and what is watched with it."""
    here = services()
    here.accounts.end_session(session)
    here.loop.call(live.end_session(here, session))


@blueprint.post("")
@rule("Sign in", "public", {201: PersonSchema, 401: None, 429: None}, body=SignInSchema)
def create() -> Response:
    """Name and password against a session cookie."""
    given = json_body(SignInSchema)
    secret, person = open_session(given["name"], given["password"])
    response = jsonify(name=person.name, role=person.role, can=in_order(person.can))
    response.status_code = 201
    set_cookie(response, secret)
    return response


@blueprint.get("")
@rule("My sessions", "person", {200: SessionsSchema})
def list_all() -> Response:
    """Where I am signed in."""
    person = current_person()
    rows = services().accounts.sessions(person.name)
    return jsonify(sessions=[{**asdict(row), "current": row.id == person.session} for row in rows])


@blueprint.delete("/current")
@rule("Sign out", "person", {204: None})
def delete_current() -> Response:
    """Ends this session."""
    session = current_person().session
    if session is None:
        raise NotAllowed("A token has no session to end.")
    sign_out(session)
    response = Response(status=204)
    clear_cookie(response)
    return response
