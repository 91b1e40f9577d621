"""The live page."""

from __future__ import annotations

from flask import Blueprint, request

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
    return render("live.html", camera=camera, cameras=cameras, can=rights(person, camera["id"]))
