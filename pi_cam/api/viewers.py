"""Who watches a camera now."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify

from pi_cam.api.camera_schemas import ViewersSchema
from pi_cam.api.rules import rule
from pi_cam.api.services import Services, services
from pi_cam.errors import NotFound

blueprint = Blueprint("viewers", __name__, url_prefix="/api/v1/cameras")


@blueprint.get("/<camera_id>/viewers")
@rule("Who watches", "view", {200: ViewersSchema})
def all_viewers(camera_id: str) -> Response:
    """Everybody who may watch sees who else does."""
    return jsonify(viewers=services().loop.call(_listed(services(), camera_id)))


@blueprint.delete("/<camera_id>/viewers/<viewer>")
@rule("End somebody's pictures", "configure", {204: None})
def end(camera_id: str, viewer: str) -> Response:
    """They may come back, unless their right ends, too."""
    services().loop.call(_ended(services(), camera_id, viewer))
    return Response(status=204)


async def _listed(here: Services, camera_id: str) -> list[dict[str, Any]]:
    here.cameras.get(camera_id)
    return [
        {
            "id": viewer.public_id,
            "name": viewer.visitor.name,
            "transport": viewer.transport,
            "started_at": viewer.started_at,
            "delay_ms": viewer.delay_ms,
            **asdict(viewer.gets()),
            "delay": viewer.delay(),
        }
        for viewer in here.door.viewers.of(camera_id)
    ]


async def _ended(here: Services, camera_id: str, public_id: str) -> None:
    for viewer in here.door.viewers.of(camera_id):
        if viewer.public_id == public_id:
            await viewer.close("ended")
            return
    raise NotFound("There is no such viewer.")
