"""A button for a machine that has none: `pi-cam serve --button api`."""

from __future__ import annotations

from flask import Blueprint, Response
from marshmallow import Schema, fields, validate

from pi_cam.api.rules import rule
from pi_cam.api.schemas import json_body
from pi_cam.api.services import services
from pi_cam.errors import NotFound

blueprint = Blueprint("button", __name__, url_prefix="/api/v1/button")


class PressSchema(Schema):
    """How it is pressed."""

    press = fields.String(required=True, validate=validate.OneOf(["short", "long"]))


@blueprint.post("")
@rule("Press the button", "control", {204: None, 404: None, 409: None}, body=PressSchema, device=True, lan_only=True)
def press() -> Response:
    """Does what the button on the header does. Not there unless the operator asked for it, and never for who comes through
    the tunnel: whoever presses a button stands beside the camera."""
    here = services()
    if not here.has_button:
        raise NotFound("This camera has no button here.")
    here.switch.press(json_body(PressSchema)["press"])
    return Response(status=204)
