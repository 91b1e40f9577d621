"""Cameras: what they are, start, stop, a still picture."""

from __future__ import annotations

from typing import Any, Literal

from flask import Blueprint, Response, jsonify

from pi_cam.api.access import current_person, visitor_address
from pi_cam.api.rules import rule
from pi_cam.api.schemas import CameraSchema, CamerasSchema
from pi_cam.api.services import services
from pi_cam.cameras import Cameras
from pi_cam.master_switch import By
from pi_cam.trust.capabilities import Person, allowed, require

blueprint = Blueprint("cameras", __name__, url_prefix="/api/v1/cameras")

STILL_TIMEOUT = 8.0


def describe_all() -> list[dict[str, Any]]:
    """The rows of all cameras, read in the media loop."""
    return services().loop.call(_describe_all(services().cameras))


def describe(camera_id: str) -> dict[str, Any]:
    """The row of one camera, read in the media loop. Raises `NotFound`."""
    return services().loop.call(_describe(services().cameras, camera_id))


@blueprint.get("")
@rule("All cameras", "view", {200: CamerasSchema}, anywhere=True)
def all_cameras() -> Response:
    """Every camera of this device that whoever asks may see."""
    person = current_person()
    return jsonify(cameras=[camera for camera in describe_all() if allowed(person, "view", camera["id"])])


@blueprint.get("/<camera_id>")
@rule("One camera", "view", {200: CameraSchema})
def one_camera(camera_id: str) -> Response:
    """One camera."""
    return jsonify(describe(camera_id))


@blueprint.post("/<camera_id>/start")
@rule("Let viewers in again", "control", {200: CameraSchema, 409: None})
def start(camera_id: str) -> Response:
    """Undoes a stop. The camera itself opens when somebody watches."""
    start_or_stop("start", camera_id, current_person())
    return jsonify(describe(camera_id))


@blueprint.post("/<camera_id>/stop")
@rule("Stop the camera for everybody", "control", {200: CameraSchema})
def stop(camera_id: str) -> Response:
    """No picture leaves after the answer; the source is closed within two seconds; it stays so after a restart."""
    start_or_stop("stop", camera_id, current_person())
    return jsonify(describe(camera_id))


@blueprint.get("/<camera_id>/snapshot.jpg")
@rule("A still picture", "view", {200: "image/jpeg", 409: None})
def snapshot(camera_id: str) -> Response:
    """A JPEG of now; opens an idle camera, never a stopped one."""
    jpeg = services().loop.call(services().cameras.still(camera_id), STILL_TIMEOUT)
    _note("snapshot-taken", camera_id, current_person())
    return Response(jpeg, mimetype="image/jpeg", headers={"Content-Disposition": f"inline; filename={camera_id}.jpg"})


def start_or_stop(action: Literal["start", "stop"], camera_id: str, person: Person) -> None:
    """For everybody, and noted. Raises `NotFound`, `CameraPrivate`, `NotAllowed` for whoever may not."""
    require(person, "control", camera_id)
    switch, by = services().switch, By(person.name, visitor_address())
    (switch.start if action == "start" else switch.stop)(camera_id, by)


def _note(action: str, camera_id: str, person: Person) -> None:
    services().journal.append(action, actor=person.name, camera=camera_id, address=visitor_address())


async def _describe_all(cameras: Cameras) -> list[dict[str, Any]]:
    return [cameras.describe(camera) for camera in cameras.all()]


async def _describe(cameras: Cameras, camera_id: str) -> dict[str, Any]:
    return cameras.describe(cameras.get(camera_id))
