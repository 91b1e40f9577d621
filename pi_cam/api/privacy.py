"""Privacy: everything closed, until somebody at home opens it again."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from marshmallow import Schema, fields

from pi_cam.api import arrival
from pi_cam.api.access import current_person, visitor_address
from pi_cam.api.rules import rule
from pi_cam.api.schemas import json_body
from pi_cam.api.services import services
from pi_cam.errors import NotAllowed
from pi_cam.master_switch import By

blueprint = Blueprint("privacy", __name__, url_prefix="/api/v1/privacy")


class PrivacySchema(Schema):
    """Whether the cameras and the microphone are closed for everybody."""

    on = fields.Boolean(required=True, truthy={True}, falsy={False})


@blueprint.get("")
@rule("Whether privacy is on", "view", {200: PrivacySchema}, anywhere=True)
def privacy() -> Response:
    """For everybody who may watch."""
    return jsonify(on=services().switch.is_private)


@blueprint.put("")
@rule("Turn privacy on, or at home off", "control", {200: PrivacySchema}, body=PrivacySchema, device=True)
def turn() -> Response:
    """On: no picture and no sound leave after the answer, and cameras and microphone are closed within two seconds; it stays
    so after a restart. Off only from the home's own network: nobody from away opens what somebody at home closed."""
    here, by = services(), By(current_person().name, visitor_address())
    if json_body(PrivacySchema)["on"]:
        here.switch.hide(by)
    elif arrival.from_far():
        raise NotAllowed("Privacy ends at the camera itself, or on its page at home.")
    else:
        here.switch.show(by)
    return privacy()
