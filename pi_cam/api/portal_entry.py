"""The way in from the portal. The browser comes here for a nonce, goes back to the portal, which signs a token for it, and
brings that token here; then this device has a session for it, and serves its own pages.

All of it is on the tunnel's listener only. The cookie of the first step ties the nonce to one browser, so that nobody can
make another's browser come in; it has to come along when the portal's page sends the token, and so is `SameSite=None`.
"""

from __future__ import annotations

import contextlib
import secrets
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, redirect, request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from pi_cam.api import cameras, ice, sessions
from pi_cam.api.access import visitor_address
from pi_cam.api.rules import rule
from pi_cam.api.schemas import query_values
from pi_cam.api.services import services
from pi_cam.errors import CameraPrivate, NotAllowed, NotFound
from pi_cam.trust.capabilities import Person
from pi_cam.trust.entry import CAMERA, Errand
from pi_cam.trust.pairing import Portal
from pi_cam.trust.portal_keys import LARGEST_TOKEN
from pi_cam.trust.tickets import LIFETIME_SECONDS

blueprint = Blueprint("portal_entry", __name__, url_prefix="/auth/portal")

COOKIE = "__Host-entry"
FORM = "application/x-www-form-urlencoded"


class NonceSchema(Schema):
    """What the portal's token must hold."""

    nonce = fields.String(required=True)
    device = fields.String(required=True)


class CameraSchema(Schema):
    """Which camera to show at the end, and what to do there first, if the portal's page is answered with yes."""

    then = fields.String(load_default=None, validate=validate.OneOf(["start", "stop"]))
    camera = fields.String(load_default=None, validate=validate.Regexp(CAMERA.pattern + r"\Z"))


@blueprint.get("/nonce")
@rule("A nonce for the portal's token", "public", {200: NonceSchema, 404: None}, tunnel_only=True)
def nonce() -> Response:
    """For programs; a browser is sent along by `GET /auth/portal`."""
    _portal()
    browser = _browser()
    response = jsonify(nonce=services().entries.nonce(browser), device=services().device_id)
    _tie(response, browser)
    return response


@blueprint.get("")
@rule("To the portal, and back with a token", "public", {302: None, 404: None}, query=CameraSchema, tunnel_only=True)
def begin() -> BaseResponse:
    """Sends the browser to the portal with a nonce."""
    portal, here = _portal(), services()
    browser = _browser()
    asked = {"device": here.device_id, "nonce": here.entries.nonce(browser)}
    asked |= {name: value for name, value in query_values(CameraSchema).items() if value}
    response = redirect(f"{portal.address}/enter?{urlencode(asked)}")
    _tie(response, browser)
    return response


@blueprint.post("")
@rule(
    "Come in with the portal's token",
    "public",
    {302: None, 403: None, 404: None, 503: None},
    body=FORM,
    tunnel_only=True,
    from_elsewhere=True,
)
def enter() -> BaseResponse:
    """The token in the form's field `token`; a session cookie, and the page of the camera in `camera`."""
    here, portal = services(), _portal()
    token = request.form.get("token", "")[: LARGEST_TOKEN + 1]
    try:
        entry = here.entries.check(token, request.cookies.get(COOKIE, ""), portal.address, portal.keys)
        secret, person = here.portal_sessions.open(entry, **sessions.where())
    except NotAllowed as error:
        here.journal.append("sign-in-refused", address=visitor_address(), result="refused", why=str(error), by="portal")
        raise
    here.epochs.came_in()
    ice.prepare(here, person)
    here.journal.append("signed-in", actor=person.name, address=visitor_address(), by="portal")
    if entry.errand is not None:
        _do(entry.errand, person)
    camera = entry.errand.camera if entry.errand else request.form.get("camera", "")
    response = redirect(f"/?camera={camera}" if CAMERA.fullmatch(camera) else "/")
    sessions.set_cookie(response, secret, person)
    return response


def _do(errand: Errand, person: Person) -> None:
    """Whoever may not comes in all the same, and sees the camera as it is: the right may be behind the second lock."""
    with contextlib.suppress(NotAllowed, NotFound, CameraPrivate):
        cameras.start_or_stop(errand.action, errand.camera, person)


def _portal() -> Portal:
    portal = services().pairing.accepted()
    if portal is None:
        raise NotFound("This device belongs to no portal.")
    return portal


def _browser() -> str:
    """What ties a nonce to this browser: what it has from another way in that is going on, in another tab, or a new one."""
    return request.cookies.get(COOKIE) or secrets.token_urlsafe(32)


def _tie(response: BaseResponse, browser: str) -> None:
    response.set_cookie(
        COOKIE, browser, max_age=int(LIFETIME_SECONDS), path="/", secure=True, httponly=True, samesite="None"
    )
