"""The wizard: a page for each step of setting up. Its forms are the browser's own, so that it needs no script."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping

from flask import Blueprint, Response, g, request
from marshmallow import Schema
from werkzeug.wrappers import Response as BaseResponse

from pi_cam.api import sessions, setup_answers
from pi_cam.api.arrival import is_secure
from pi_cam.api.pages import setup_views
from pi_cam.api.pages.entry import FORM, form_page, keep_language, see_other
from pi_cam.api.pages.rendering import HTML, render
from pi_cam.api.rules import rule
from pi_cam.api.services import services
from pi_cam.api.setup import known
from pi_cam.errors import Conflict, NotSignedIn, PiCamError
from pi_cam.setup_wizard.steps import Step
from pi_cam.trust.capabilities import Person
from web.ui import texts

blueprint = Blueprint("pages_setup", __name__)

OVERTAKEN = "Somebody else answered this step meanwhile. What you typed is still here: send it again if it is to count."
COOKIE = "visit"
STAYS = frozenset({"join", "forget", "hotspot", "country", "choose", "ask", "refuse"})
NOT_SAID = frozenset({"form_token", "seen"})
ANSWERS: dict[int, type[Schema] | str | None] = {
    302: None,
    403: HTML,
    404: HTML,
    409: HTML,
    422: HTML,
    429: HTML,
    502: HTML,
    503: HTML,
}


@blueprint.get("/setup")
@rule("Where setting up goes on", "setup", {200: HTML, 302: None, 409: None}, lan_only=True)
def setup() -> BaseResponse:
    """While the camera is nobody's it is shown here: to this address leads the printed code, behind a #."""
    now = setup_answers.progress()
    return see_other(_path(now.current)) if now.has_owner else _page(now.current)


@blueprint.post("/setup")
@rule("Make the first owner", "setup", ANSWERS, body=FORM, lan_only=True)
def create_owner() -> BaseResponse:
    """With the printed code; signs in at once."""
    return _take("owner")


@blueprint.get("/setup/<step>")
@rule("A step of setting up", "wizard", {200: HTML, 302: None, 404: HTML}, lan_only=True)
def show(step: str) -> BaseResponse:
    """One whose time has not come, or is over, leads to where it goes on."""
    now, asked = setup_answers.progress(), known(step)
    place = now.place(asked)
    return _page(place) if place == asked else see_other(_path(place) if now.has_owner else "/setup")


@blueprint.post("/setup/<step>")
@rule("Answer a step of setting up by form", "wizard", ANSWERS, body=FORM, lan_only=True)
def take(step: str) -> BaseResponse:
    """Leads to the next one; or shows this one again, with what was wrong."""
    return _take(known(step))


def _take(step: Step) -> BaseResponse:
    form, here = request.form, services()
    now, action = setup_answers.progress(), form.get("action", "done")
    values = _values(form)
    if not now.is_open(step):
        return see_other(_path(now.current) if now.has_owner else "/setup")
    who, what = _who(), _fingerprint(values)
    if action != "skip" and here.visits.overtaken(step, _number(form.get("seen")), who, what):
        return _page(step, values, Conflict(OVERTAKEN))
    try:
        session = _owner(values) if step == "owner" and action != "skip" else None
        if session is None:
            setup_answers.answer(step, action, values)
    except PiCamError as error:
        return _page(step, values, error)
    here.visits.did(step, who, what)
    response = see_other(_next(step, action))
    if session is not None:
        sessions.set_cookie(response, *session)
    if step == "language" and values.get("language") in texts.LANGUAGES:
        keep_language(response, values["language"])
    return response


def _owner(values: Mapping[str, str]) -> tuple[str, Person]:
    """Makes the owner; their session. The form that was sent twice is no second owner: whoever is that owner comes in."""
    name, password = values.get("name", "").strip(), values.get("password", "")
    try:
        setup_answers.answer("owner", "done", values)
    except Conflict:
        try:
            return sessions.open_session(name, password)
        except NotSignedIn:
            pass
        raise
    return sessions.open_session(name, password)


def _next(step: Step, action: str) -> str:
    """The same page where something is under way; else the next one."""
    now = setup_answers.progress()
    return _path(step if action in STAYS else now.after(step))


def _page(step: Step, values: Mapping[str, str] | None = None, error: PiCamError | None = None) -> BaseResponse:
    now, here, who = setup_answers.progress(), services(), _who()
    shown = [one for one in now.steps if one != "done"]
    number = shown.index(step) + 1 if step in shown else len(shown) + 1
    page = render(
        f"setup_{step}.html",
        step=step,
        marks={one: now.mark(one) for one in now.steps},
        steps=shown,
        number=number,
        before=next((one for one in reversed(shown[: number - 1]) if now.is_open(one)), None),
        is_open=now.is_open,
        seen=here.visits.last(step).number,
        somebody_else=here.visits.see(who),
        problem_before=here.wizard.problem if now.has_owner else None,
        error=error and str(error),
        values=values or {},
        **setup_views.of(step),
    )
    response = form_page(page, error) if error else Response(page, mimetype=HTML)
    response.set_cookie(COOKIE, who, httponly=True, samesite="Lax", secure=is_secure(), path="/setup")
    return response


def _values(form: Mapping[str, str]) -> dict[str, str]:
    values = {name: value for name, value in form.items() if name not in NOT_SAID}
    if values.get("network"):
        values["ssid"] = setup_views.name_of(values["network"])
    elif values.get("ssid"):
        values["hidden"] = "yes"
    return values


def _fingerprint(values: Mapping[str, str]) -> bytes:
    """To compare answers, passwords among them, without keeping them."""
    return hmac.new(services().form_key, repr(sorted(values.items())).encode(errors="replace"), "sha256").digest()


def _who() -> str:
    """This browser, as the wizard tells several apart; nobody's name, and no right comes of it."""
    if "visit" not in g:
        given = request.cookies.get(COOKIE, "")
        g.visit = given if re.fullmatch(r"[\w-]{16,32}", given, re.ASCII) else secrets.token_urlsafe(16)
    visit: str = g.visit
    return visit


def _number(text: str | None) -> int:
    return int(text) if text and re.fullmatch(r"\d{1,9}", text, re.ASCII) else 0


def _path(step: Step) -> str:
    return f"/setup/{step}"
