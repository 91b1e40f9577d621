"""The way in: the first owner, signing in and out, the language."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from pi_cam.api import sessions
from pi_cam.api.access import visitor_address
from pi_cam.api.arrival import is_secure
from pi_cam.api.pages.rendering import HTML, LANGUAGE_COOKIE, render
from pi_cam.api.problems import status_of, with_advice
from pi_cam.api.rules import rule
from pi_cam.api.services import services
from pi_cam.errors import NotAllowed, NotSignedIn, PiCamError, SettingError, TooManyTries
from web.ui import texts

blueprint = Blueprint("pages_entry", __name__)

FORM = "application/x-www-form-urlencoded"
YEAR_SECONDS = 365 * 24 * 3600


@blueprint.get("/setup")
@rule("The page that makes the first owner", "setup", {200: HTML, 409: None}, lan_only=True)
def setup() -> str:
    """Asks for the code, a name and a password."""
    return render("setup.html", error=None, name="")


@blueprint.post("/setup")
@rule(
    "Make the first owner", "setup", {302: None, 403: HTML, 409: None, 422: HTML, 429: HTML}, body=FORM, lan_only=True
)
def create_owner() -> BaseResponse:
    """With the printed code; signs in at once."""
    here, form = services(), request.form
    name, password = form.get("name", ""), form.get("password", "")
    try:
        _check_setup_code(form.get("code", ""))
        here.accounts.create_owner(name, password)
        here.journal.append("owner-created", actor=name.strip(), address=visitor_address())
        secret, _ = sessions.open_session(name.strip(), password)
    except (NotAllowed, SettingError, TooManyTries) as error:
        return _form_again("setup.html", error, name)
    response = _see_other("/")
    sessions.set_cookie(response, secret)
    return response


@blueprint.get("/login")
@rule("The page for signing in", "public", {200: HTML, 302: None})
def login() -> str | BaseResponse:
    """A new device is set up first."""
    if not services().accounts.has_owner():
        return redirect("/setup")
    return render("login.html", error=None, name="")


@blueprint.post("/login")
@rule("Sign in by form", "public", {302: None, 401: HTML, 429: HTML}, body=FORM)
def sign_in() -> BaseResponse:
    """Name and password."""
    name = request.form.get("name", "")[:64]
    onward = _own_path(request.form.get("next"))
    try:
        secret, _ = sessions.open_session(name, request.form.get("password", ""))
    except (NotSignedIn, TooManyTries) as error:
        return _form_again("login.html", error, name)
    response = _see_other(onward)
    sessions.set_cookie(response, secret)
    return response


@blueprint.post("/logout")
@rule("Sign out by form", "person", {302: None}, body=FORM)
def logout() -> BaseResponse:
    """Ends this session."""
    sessions.sign_out()
    response = _see_other("/login")
    sessions.clear_cookie(response)
    return response


@blueprint.post("/language")
@rule("Choose the language", "public", {302: None}, body=FORM)
def language() -> BaseResponse:
    """Kept in a cookie."""
    response = _see_other(_own_path(request.form.get("next")))
    chosen = texts.choose_language(None, request.form.get("language"))
    response.set_cookie(
        LANGUAGE_COOKIE, chosen, max_age=YEAR_SECONDS, httponly=True, samesite="Lax", secure=is_secure()
    )
    return response


def _check_setup_code(code: str) -> None:
    here = services()
    try:
        here.setup_code.check(code)
    except (NotAllowed, TooManyTries) as error:
        here.journal.append("setup-refused", address=visitor_address(), result="refused", why=str(error))
        raise


def _form_again(template: str, error: PiCamError, name: str) -> Response:
    """The form once more, with what was wrong."""
    page = render(template, error=str(error), name=name[:64])
    return with_advice(Response(page, status_of(error), mimetype=HTML), error)


def _see_other(path: str) -> Response:
    return Response(status=302, headers={"Location": path})


def _own_path(path: str | None) -> str:
    """Where to go on, never to another site."""
    return path if path and path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"
