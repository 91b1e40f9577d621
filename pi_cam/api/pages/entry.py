"""The way in: signing in and out, the language."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from pi_cam.api import sessions
from pi_cam.api.arrival import is_secure
from pi_cam.api.pages.rendering import HTML, LANGUAGE_COOKIE, render
from pi_cam.api.passkeys import possible_here
from pi_cam.api.problems import status_of, with_advice
from pi_cam.api.rules import rule
from pi_cam.api.services import services
from pi_cam.errors import NotSignedIn, PiCamError, SecondFactorNeeded, TooManyTries
from web.ui import texts

blueprint = Blueprint("pages_entry", __name__)

FORM = "application/x-www-form-urlencoded"
YEAR_SECONDS = 365 * 24 * 3600


@blueprint.get("/login")
@rule("The page for signing in", "public", {200: HTML, 302: None})
def login() -> str | BaseResponse:
    """A new device is set up first."""
    if not services().accounts.has_owner():
        return redirect("/setup")
    return _login_page(None, "")


@blueprint.post("/login")
@rule("Sign in by form", "public", {302: None, 401: HTML, 429: HTML, 503: HTML}, body=FORM)
def sign_in() -> BaseResponse:
    """Name and password; where there is a second factor, then a code, with the ticket that the first step gave."""
    form = request.form
    ticket, name = form.get("ticket"), form.get("name", "")[:64]
    try:
        if ticket is None:
            secret, person = sessions.open_session(name, form.get("password", ""))
        else:
            secret, person = sessions.go_on(ticket, form.get("code", ""))
    except SecondFactorNeeded as error:
        return form_page(_code_page(error if ticket else None, error.ticket), error)
    except (NotSignedIn, TooManyTries) as error:
        waiting = ticket is not None and isinstance(error, TooManyTries)
        return form_page(_code_page(error, ticket or "") if waiting else _login_page(error, name), error)
    response = see_other(_own_path(form.get("next")))
    sessions.set_cookie(response, secret, person)
    return response


@blueprint.post("/logout")
@rule("Sign out by form", "person", {302: None}, body=FORM)
def logout() -> BaseResponse:
    """Ends this session."""
    sessions.sign_out()
    response = see_other("/login")
    sessions.clear_cookie(response)
    return response


@blueprint.post("/language")
@rule("Choose the language", "public", {302: None}, body=FORM)
def language() -> BaseResponse:
    """Kept in a cookie."""
    response = see_other(_own_path(request.form.get("next")))
    chosen = texts.choose_language(None, request.form.get("language"))
    keep_language(response, chosen)
    return response


def keep_language(response: BaseResponse, chosen: str) -> None:
    """In this browser, for a year."""
    response.set_cookie(
        LANGUAGE_COOKIE, chosen, max_age=YEAR_SECONDS, httponly=True, samesite="Lax", secure=is_secure()
    )


def _login_page(error: PiCamError | None, name: str) -> str:
    return render("login.html", error=error and str(error), name=name, passkeys=possible_here())


def _code_page(error: PiCamError | None, ticket: str) -> str:
    return render("login_code.html", error=error and str(error), ticket=ticket)


def form_page(page: str, error: PiCamError) -> Response:
    """The form once more, with what was wrong."""
    return with_advice(Response(page, status_of(error), mimetype=HTML), error)


def see_other(path: str) -> Response:
    """After a form: the page to look at next."""
    return Response(status=302, headers={"Location": path})


def _own_path(path: str | None) -> str:
    """Where to go on, never to another site."""
    return path if path and path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"
