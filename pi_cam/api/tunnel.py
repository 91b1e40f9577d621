"""The tunnel that this device keeps up: how it is."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from marshmallow import Schema, fields, validate

from pi_cam.api.rules import rule
from pi_cam.api.services import services
from pi_cam.remote.tunnel import STATES
from pi_cam.settings import ROWS

blueprint = Blueprint("tunnel", __name__, url_prefix="/api/v1/tunnel")


class TunnelSchema(Schema):
    """`waiting`: it is started again after `next_try_seconds`. `connecting`: the program runs, but has no connection."""

    way = fields.String(required=True, validate=validate.OneOf(ROWS["tunnel"].choices))
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    host = fields.String(required=True, allow_none=True, metadata={"description": "Under which name it leads here."})
    trouble = fields.String(required=True, allow_none=True, metadata={"description": "A sentence."})
    connections = fields.Integer(required=True)
    restarts = fields.Integer(required=True)
    next_try_seconds = fields.Float(required=True, allow_none=True)


@blueprint.get("")
@rule("The tunnel that this device keeps up", "configure", {200: TunnelSchema}, device=True)
def get() -> Response:
    """Off, unless the setting `tunnel` says which."""
    return jsonify(services().tunnel.state())
