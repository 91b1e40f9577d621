"""The live page, and the one on which a browser gets to know the device."""

from __future__ import annotations

from flask import Blueprint, request

from pi_cam.api import arrival
from pi_cam.api.access import current_person
from pi_cam.api.cameras import describe_all
from pi_cam.api.pages.rendering import HTML, render
from pi_cam.api.rules import rule
from pi_cam.errors import NotFound
from pi_cam.trust.capabilities import allowed, rights

blueprint = Blueprint("pages_live", __name__)


@blueprint.get("/")
@rule("The live page", "view", {200: HTML, 302: None, 404: HTML}, anywhere=True)
def live() -> str:
    """The first camera that this person may see, or the one that `camera` names."""
    person = current_person()
    cameras = [camera for camera in describe_all() if allowed(person, "view", camera["id"])]
    wanted = request.args.get("camera")
    camera = next((one for one in cameras if wanted in (None, one["id"])), None)
    if camera is None:
        raise NotFound("There is no such camera.")
    away = arrival.listener() == "tunnel"
    return render("live.html", camera=camera, cameras=cameras, can=rights(person, camera["id"]), away=away)


@blueprint.get("/remember")
@rule("Lets this browser remember the device's key", "public", {200: HTML})
def remember() -> str:
    """The key stands behind the # of the address, where only the page's own module reads it."""
    return render("remember.html")
