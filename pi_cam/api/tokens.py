"""Tokens for scripts and players."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from pi_cam.api.access import current_person, note
from pi_cam.api.people_schemas import MadeTokenSchema, NewTokenSchema, TokensSchema
from pi_cam.api.rules import rule
from pi_cam.api.schemas import json_body
from pi_cam.api.services import services
from pi_cam.api.users import known_cameras
from pi_cam.trust.capabilities import in_order, known_capabilities, require_own
from pi_cam.trust.tokens import TokenRow

blueprint = Blueprint("tokens", __name__, url_prefix="/api/v1/tokens")


def described(row: TokenRow) -> dict[str, Any]:
    """A token as JSON, without its secret."""
    return {"name": row.name, "can": row.can, "cameras": row.cameras, "created_at": row.created_at}


@blueprint.get("")
@rule("All tokens", "configure", {200: TokensSchema})
def list_all() -> Response:
    """By name; never their secrets."""
    return jsonify(tokens=[described(row) for row in services().tokens.list()])


@blueprint.post("")
@rule("Make a token", "configure", {201: MadeTokenSchema, 409: None}, body=NewTokenSchema)
def create() -> Response:
    """Its secret is in this answer and nowhere else."""
    given = json_body(NewTokenSchema)
    can, cameras = known_capabilities(given["can"]), given["cameras"]
    known_cameras(cameras or ())
    for camera in cameras or (None,):
        require_own(current_person(), can, camera)
    here = services()
    secret = here.tokens.create(given["name"], can, cameras)
    note("token-created", name=given["name"], can=in_order(can))
    (row,) = (row for row in here.tokens.list() if row.name == given["name"])
    response = jsonify({**described(row), "can": in_order(can), "token": secret})
    response.status_code = 201
    return response


@blueprint.delete("/<name>")
@rule("Revoke a token", "configure", {204: None})
def revoke(name: str) -> Response:
    """Ends what is watched with it, too."""
    services().tokens.revoke(name)
    note("token-revoked", name=name)
    services().present.check_now()
    return Response(status=204)
