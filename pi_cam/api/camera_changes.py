"""Adding, changing, ordering and removing cameras, and trying an address before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify

from pi_cam.address_check import AddressReport
from pi_cam.api.access import current_person, note, note_for_portal
from pi_cam.api.camera_schemas import (
    AddressReportSchema,
    AddressSchema,
    CameraChangeSchema,
    NewCameraSchema,
    OrderSchema,
)
from pi_cam.api.cameras import describe
from pi_cam.api.rules import rule
from pi_cam.api.schemas import CameraSchema, json_body
from pi_cam.api.services import Services, services
from pi_cam.camera_book import MAIN, CameraRow
from pi_cam.cameras import Camera
from pi_cam.capture.source import check as source_check
from pi_cam.capture.source import is_local, open_source
from pi_cam.errors import SettingError
from pi_cam.hub import Hub
from pi_cam.stills import TRIED, TRIED_ELSEWHERE
from pi_cam.transport.websocket import CLOSE_NOT_FOUND
from pi_cam.trust.capabilities import require

blueprint = Blueprint("camera_changes", __name__, url_prefix="/api/v1/cameras")

CHECK_TIMEOUT = 20.0
CHANGE_TIMEOUT = 10.0
CLOSE_CHANGED = 1001


@blueprint.post("")
@rule("Add a camera", "configure", {201: CameraSchema, 409: None}, body=NewCameraSchema)
def add() -> Response:
    """Its address is checked now for what it may be, and again each time before it is opened."""
    given = json_body(NewCameraSchema)
    row = CameraRow("", given["name"], 0, given["address"], given["small_address"], given["allow_lan"])
    _check_addresses([row.address, row.small_address], row.allow_lan)
    camera = services().loop.call(services().cameras.add(row), CHANGE_TIMEOUT)
    note("camera-added", camera=camera.id, name=camera.row.name)
    note_for_portal()
    response = jsonify(describe(camera.id))
    response.status_code = 201
    return response


@blueprint.patch("/<camera_id>")
@rule("Change a camera", "configure", {200: CameraSchema, 409: None}, body=CameraChangeSchema)
def change(camera_id: str) -> Response:
    """Another name leaves the pictures alone. An address leads into networks: it takes the right to configure the device."""
    given = json_body(CameraChangeSchema)
    here = services()
    row = here.loop.call(_row(here, camera_id))
    if set(given) - {"name"}:
        require(current_person(), "configure")
    addresses = [given.get("address"), given.get("small_address")]
    _check_addresses(addresses, given.get("allow_lan", row.allow_lan))
    if "address" in given and given["address"] is None and camera_id != MAIN:
        raise SettingError("A camera has an address.")
    _apply(here, camera_id, given)
    return jsonify(describe(camera_id))


def choose_main(address: str | None) -> None:
    """Which camera the machine's own is; None leaves it to the device. Raises as `change`."""
    _check_addresses([address], allow_lan=False)
    _apply(services(), MAIN, {"address": address})


def _apply(here: Services, camera_id: str, fields: Mapping[str, Any]) -> None:
    here.loop.call(_change(here, camera_id, fields), CHANGE_TIMEOUT)
    note("camera-changed", camera=camera_id, fields=sorted(fields))
    note_for_portal()


@blueprint.delete("/<camera_id>")
@rule("Remove a camera", "configure", {204: None, 409: None}, device=True)
def remove(camera_id: str) -> Response:
    """With what was granted on it; who watches it sees it end."""
    services().loop.call(_remove(services(), camera_id), CHANGE_TIMEOUT)
    note("camera-removed", camera=camera_id)
    note_for_portal()
    return Response(status=204)


@blueprint.put("")
@rule("Put the cameras in order", "configure", {204: None}, body=OrderSchema)
def order() -> Response:
    """As they are shown."""
    services().loop.call(services().cameras.order(json_body(OrderSchema)["cameras"]), CHANGE_TIMEOUT)
    note("cameras-ordered")
    return Response(status=204)


@blueprint.post("/check")
@rule("Try an address", "configure", {200: AddressReportSchema}, body=AddressSchema)
def check() -> Response:
    """Says whether a camera is there, takes the password, and what it sends, and shows a still. Takes up to ten seconds."""
    given = json_body(AddressSchema)
    here = services()
    leads_to = source_check(given["address"], allow_lan=given["allow_lan"])
    # Whoever tries addresses looks around in a network: that is written down.
    note("address-tried", **leads_to)
    source = open_source(given["address"], by_operator=False, allow_lan=given["allow_lan"])
    place = TRIED if is_local(given["address"]) else TRIED_ELSEWHERE
    report = here.loop.call(_checked(here, place, lambda: here.make_hub(source)), CHECK_TIMEOUT)
    return jsonify(asdict(report))


def _check_addresses(addresses: Sequence[str | None], allow_lan: bool) -> None:
    """Raises `AddressRefused` for one that no camera may have; a name is looked up when it is opened, and checked then."""
    for address in addresses:
        if address is not None:
            source_check(address, allow_lan=allow_lan)


async def _row(here: Services, camera_id: str) -> CameraRow:
    return here.cameras.get(camera_id).row


async def _change(here: Services, camera_id: str, fields: Mapping[str, Any]) -> Camera:
    before = here.cameras.get(camera_id)
    camera = await here.cameras.change(camera_id, fields)
    if camera.streams is not before.streams:
        await here.present.end_camera(camera_id, CLOSE_CHANGED, "changed")
    return camera


async def _remove(here: Services, camera_id: str) -> None:
    await here.cameras.remove(camera_id)
    await here.present.end_camera(camera_id, CLOSE_NOT_FOUND, "removed")


async def _checked(here: Services, place: str, make: Callable[[], Hub]) -> AddressReport:
    with here.cameras.glances.of(place):  # its still shows the room, as a snapshot does
        return await here.address_check.check(make)
