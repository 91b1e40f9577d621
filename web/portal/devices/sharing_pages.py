"""With whom a device is shared: inviting, taking an invitation, ending it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from flask import Blueprint, flash, make_response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from web.portal import mail, throttle, typed
from web.portal.accounts import addresses, letters
from web.portal.accounts.entry import form_page
from web.portal.accounts.models import User
from web.portal.accounts.people import person
from web.portal.database import db
from web.portal.devices import rights, shares
from web.portal.devices.models import Device
from web.portal.devices.pages import NO_SUCH_DEVICE, own
from web.portal.errors import NotFound, Refused
from web.portal.rendering import language, render
from web.portal.rules import rule
from web.portal.services import services

blueprint = Blueprint("sharing", __name__)

PEOPLE = "/devices/{device_id}/people"
INVITED = "The invitation is under way by mail."
TAKEN = "The camera is shared with you now."
ENDED = "It is no longer shared. Who was watching is sent away."
CHANGED = "Their rights are changed. What they had opened with others is ended."
LEFT = "The camera is no longer shared with you."
WITHDRAWN = "The invitation is worth nothing any more."
PAST = "The last day must lie in the future."


@blueprint.get("/devices/<device_id>/people")
@rule("person")
def people(device_id: str) -> str:
    """Who sees it, who was invited, and a form for one more."""
    return render("portal/people.html", **_values(own(device_id), typed.again(request.path)))


@blueprint.post("/devices/<device_id>/invite")
@rule("fresh", page=PEOPLE)
@throttle.by_address
def invite(device_id: str) -> BaseResponse:
    """By mail; the same answer whether or not the address has an account."""
    device = own(device_id)
    try:
        email = addresses.normalised(request.form.get("email", ""))
        until = _until(request.form.get("until", ""))
        line = mail.open_line(services().post)
        secret = shares.invite(device, email, _grants(device), until)
    except Refused as error:
        db.session.rollback()
        return form_page("portal/people.html", error, **_values(own(device_id), request.form.to_dict()))
    db.session.commit()
    link = f"{services().settings.url}/invitation/{secret}"
    message = letters.compose("invitation.txt", language(), email, link=link, owner=person().email, device=device.name)
    letters.send(line, message)
    flash(INVITED, "good")
    return redirect(f"/devices/{device.id}/people", 303)


@blueprint.post("/devices/<device_id>/invitations/end")
@rule("fresh")
def withdraw(device_id: str) -> BaseResponse:
    """Before anybody took it."""
    device = own(device_id)
    shares.withdraw(device, request.form.get("email", ""))
    db.session.commit()
    flash(WITHDRAWN, "good")
    return redirect(f"/devices/{device.id}/people", 303)


@blueprint.post("/devices/<device_id>/shares/<int:user>")
@rule("fresh", page=PEOPLE)
def change(device_id: str, user: int) -> BaseResponse:
    """Other rights, or other last days; nobody has to be invited again."""
    device = own(device_id)
    try:
        grants = _grants(device)
        ends = {camera: _until(request.form.get(f"{camera}.until", "")) for camera in grants}
        shares.change(device, user, grants, ends)
    except Refused as error:
        db.session.rollback()
        return form_page("portal/people.html", error, **_values(own(device_id), request.form.to_dict()))
    db.session.commit()
    flash(CHANGED, "good")
    return redirect(f"/devices/{device.id}/people", 303)


@blueprint.post("/devices/<device_id>/shares/<int:user>/end")
@rule("person")
def end(device_id: str, user: int) -> BaseResponse:
    """At once: the owner need not prove anything first to close a door."""
    device = own(device_id)
    shares.end(device, user)
    db.session.commit()
    flash(ENDED, "good")
    return redirect(f"/devices/{device.id}/people", 303)


@blueprint.post("/devices/<device_id>/leave")
@rule("person")
def leave(device_id: str) -> BaseResponse:
    """A guest goes."""
    device = rights.find(device_id, person())
    if device is None:
        raise NotFound(NO_SUCH_DEVICE)
    shares.end(device, person().id)
    db.session.commit()
    flash(LEFT, "good")
    return redirect("/cameras", 303)


@blueprint.get("/invitation/<token>")
@rule("person")
def invitation(token: str) -> BaseResponse:
    """Shows what is offered."""
    try:
        found = shares.find(token, person())
    except Refused as error:
        return form_page("portal/invitation.html", error, device=None)
    device = db.session.get(Device, found.device_id)
    owner = db.session.get(User, device.owner_id) if device else None
    return make_response(
        render(
            "portal/invitation.html",
            device=device,
            owner=owner.email if owner else "",
            cameras=json.loads(found.cameras),
            names={camera.camera: camera.name for camera in device.cameras} if device else {},
            until=found.until,
        )
    )


@blueprint.post("/invitation/<token>")
@rule("person")
def take(token: str) -> BaseResponse:
    """From now on it is in the list."""
    try:
        shares.take(token, person())
    except Refused as error:
        return form_page("portal/invitation.html", error, device=None)
    db.session.commit()
    flash(TAKEN, "good")
    return redirect("/cameras", 303)


def _values(device: Device, form: dict[str, str]) -> dict[str, object]:
    """`form`: what was typed and not taken; of the form for a person's share it has a field `user`."""
    names, now = {camera.camera: camera.name for camera in device.cameras}, services().clock()
    shared = shares.of(device)
    invitations: dict[str, list[tuple[rights.Grants, datetime | None]]] = {}
    for one in shares.waiting(device):
        invitations.setdefault(one.email, []).append((json.loads(one.cameras), one.until))
    return {
        "device": device,
        "names": names,
        "shares": shared,
        "good": {email: {one.camera: one for one in rows if not one.is_over(now)} for email, rows in shared.items()},
        "invitations": invitations,
        "now": now,
        "typed": form,
    }


def _grants(device: Device) -> rights.Grants:
    """From boxes named `main.view`."""
    found = {
        camera.camera: [can for can in rights.SHARED if f"{camera.camera}.{can}" in request.form]
        for camera in device.cameras
    }
    return {camera: can for camera, can in found.items() if can}


def _until(day: str) -> datetime | None:
    """The end of that day, in UTC. Raises `Refused`."""
    if not day:
        return None
    try:
        until = datetime.strptime(day, "%Y-%m-%d").replace(hour=23, minute=59, second=59, tzinfo=UTC)
    except ValueError:
        raise Refused(PAST) from None
    if until <= services().clock():
        raise Refused(PAST)
    return until
