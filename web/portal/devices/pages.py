"""A person's cameras, how a new device comes to them, and the way to one."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, flash, make_response, redirect, request
from marshmallow import Schema, ValidationError, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from web.portal import throttle, typed
from web.portal.accounts.entry import form_page
from web.portal.accounts.models import User
from web.portal.accounts.people import person
from web.portal.database import db
from web.portal.devices import claims, rights, signing
from web.portal.devices.models import Claim, Device
from web.portal.devices.speech import CAMERA
from web.portal.errors import NotFound, Refused, TooManyTries
from web.portal.headers import CONTENT_SECURITY_POLICY
from web.portal.rendering import render
from web.portal.rules import rule
from web.portal.services import services

blueprint = Blueprint("devices", __name__)

PRESENT_FOR = timedelta(seconds=90)
"""A device says every half minute that it is there; one may be lost."""

TOKEN_TYPE = "picam-cap+jwt"
TOKEN_SECONDS = 60
CODES_FREE = 10
SAY_YES = "Almost done: now say yes on the page of the camera itself."
WORTHLESS = "The code is worth nothing any more."
NO_SUCH_DEVICE = "There is no such camera, or it is not shared with you any more."
NO_PUBLIC_NAME = "This camera has no public name yet: set up its tunnel at home first."


class EnterSchema(Schema):
    """What the device sends a browser here with."""

    device = fields.String(required=True, validate=validate.Regexp(r"[a-z2-7]{20}\Z"))
    nonce = fields.String(required=True, validate=validate.Regexp(r"[\w=-]{16,200}\Z"))
    camera = fields.String(load_default="", validate=validate.Regexp(CAMERA))
    then = fields.String(load_default="", validate=validate.OneOf(["start", "stop"]))


@blueprint.get("/cameras")
@rule("person")
def cameras() -> str:
    """All devices with their cameras, and which of them are there now."""
    now = services().clock()
    devices = rights.visible_to(person())
    said = {one.device.id: one.device.seen_at for one in devices}
    present = {device for device, at in said.items() if at and now - at < PRESENT_FOR}
    waiting = [(claim.name, claims.check_number(claim)) for claim in claims.waiting_for_yes(person())]
    return render("portal/cameras.html", devices=devices, present=present, waiting=waiting)


@blueprint.get("/pair")
@rule("person")
def pair_page() -> str:
    """Asks for the code; with `code` in the address it is filled in."""
    code = request.args.get("code") or typed.again(request.path).get("code", "")
    return render("portal/pair.html", code=code[:20])


@blueprint.post("/pair")
@rule("fresh", page="/pair")
@throttle.by_address
def look_up() -> BaseResponse:
    """Shows which device has this code. Nothing is added yet."""
    code = request.form.get("code", "")[:20]
    try:
        claim = _claim(code)
        claims.check_room(claim, person())
    except (NotFound, Refused, TooManyTries) as error:
        return form_page("portal/pair.html", error, code=code)
    near = claim.address == throttle.address()
    return make_response(render("portal/pair_confirm.html", claim=claim, code=code, near=near))


@blueprint.post("/pair/claim")
@rule("fresh")
@throttle.by_address
def add() -> BaseResponse:
    """It is theirs as soon as somebody at home says yes."""
    return _answered(person(), SAY_YES)


@blueprint.post("/pair/refuse")
@rule("fresh")
@throttle.by_address
def refuse() -> BaseResponse:
    """The device is told that nobody wants it."""
    return _answered(None, WORTHLESS)


@blueprint.post("/devices/<device_id>/remove")
@rule("fresh")
def remove(device_id: str) -> BaseResponse:
    """Ends the pairing from here; the device notices within half a minute, and who is in is sent away."""
    claims.leave(own(device_id).id)
    db.session.commit()
    flash("The camera is no longer in your account.", "good")
    return redirect("/cameras", 303)


@blueprint.get("/enter")
@rule("person")
def enter() -> BaseResponse:
    """On the way to a camera: gives the browser a token, and sends it back to the device with that. To start or stop a
    camera somebody has to press the button there: any page could lead a browser here."""
    try:
        asked = EnterSchema().load(request.args.to_dict())
    except ValidationError:
        raise Refused("This request makes no sense.") from None
    device = rights.find(asked["device"], person())
    if device is None:
        raise NotFound(NO_SUCH_DEVICE)
    if device.public_name is None:
        raise Refused(NO_PUBLIC_NAME)
    there = f"https://{device.public_name}"
    page = render(
        "portal/enter.html", device=device, there=there, pass_token=_token(device, asked), **_shown(device, asked)
    )
    response = make_response(page)
    policy = CONTENT_SECURITY_POLICY.replace("form-action 'self'", f"form-action {there}")
    response.headers["Content-Security-Policy"] = policy
    return response


def own(device_id: str) -> Device:
    """One of this person's own devices. Raises `NotFound`, also for somebody else's."""
    device = db.session.get(Device, device_id)
    if device is None or device.owner_id != person().id:
        raise NotFound(NO_SUCH_DEVICE)
    return device


def _token(device: Device, asked: dict[str, str]) -> str:
    user, now = person(), int(services().clock().timestamp())
    epoch = rights.epoch(device, user)  # before the rights: what is taken away in between ends what this token opens
    role, can = rights.on(device, user)
    claims_of_token = {
        "iss": services().settings.url,
        "aud": f"dev:{device.id}",
        "sub": rights.subject(user),
        "name": user.email,
        "role": role,
        "can": can,
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        "epoch": epoch,
        "nonce": asked["nonce"],
    }
    if asked["then"]:
        claims_of_token["do"] = {"action": asked["then"], "camera": asked["camera"]}
    return signing.sign(claims_of_token, TOKEN_TYPE)


def _shown(device: Device, asked: dict[str, str]) -> dict[str, str]:
    """Raises `NotFound` when there is nothing to start or stop by that name, for this person."""
    names = {camera.camera: camera.name for camera in device.cameras}
    _, can = rights.on(device, person())
    may = rights.Seen(device, can, mine=device.owner_id == person().id).allowed(asked["camera"], "control")
    if asked["then"] and not (may and asked["camera"] in names):
        raise NotFound(NO_SUCH_DEVICE)
    return {"camera": asked["camera"], "then": asked["then"], "camera_name": names.get(asked["camera"], "")}


def _claim(code: str) -> Claim:
    """Guesses at codes are slowed down for each account."""
    throttle.attempt("device code", str(person().id), free=CODES_FREE)
    return claims.waiting(code)


def _answered(user: User | None, sentence: str) -> BaseResponse:
    code = request.form.get("code", "")[:20]
    try:
        claims.take(_claim(code), user)
    except (NotFound, Refused, TooManyTries) as error:
        db.session.rollback()
        return form_page("portal/pair.html", error, code=code)
    flash(sentence, "good")
    return redirect("/cameras", 303)
