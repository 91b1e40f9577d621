"""New versions that come by themselves: what is there, now, or later."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from marshmallow import Schema, fields, validate

from pi_cam.api.access import note
from pi_cam.api.rules import rule
from pi_cam.api.schemas import json_body
from pi_cam.api.services import services
from pi_cam.updates.release_watch import PUT_OFF_DAYS_MOST, STATES

blueprint = Blueprint("updates", __name__, url_prefix="/api/v1/updates")


class FoundSchema(Schema):
    """A newer version."""

    version = fields.String(required=True)
    release = fields.Integer(required=True)


class UpdatesSchema(Schema):
    """Moments in seconds since 1970. `waiting`: until nobody watches, for some hours at most."""

    state = fields.String(required=True, validate=validate.OneOf(STATES))
    on = fields.Boolean(required=True, metadata={"description": "Whether they come by themselves (setting `updates`)."})
    hindrance = fields.String(
        required=True, allow_none=True, metadata={"description": "Why none is looked for on this camera: a sentence."}
    )
    found = fields.Nested(FoundSchema, required=True, allow_none=True)
    given_up = fields.Boolean(
        required=True, metadata={"description": "What was found was tried before, and is not tried again by itself."}
    )
    put_off_until = fields.Float(required=True, allow_none=True)
    looked_at = fields.Float(required=True, allow_none=True)
    next_at = fields.Float(required=True, allow_none=True, metadata={"description": "When it looks next, by itself."})
    trouble = fields.String(
        required=True, allow_none=True, metadata={"description": "What was wrong with the last look: a sentence."}
    )


class PutOffSchema(Schema):
    """From now on; 0 ends it."""

    days = fields.Integer(required=True, strict=True, validate=validate.Range(0, PUT_OFF_DAYS_MOST))


@blueprint.get("")
@rule("Updates that come by themselves", "configure", {200: UpdatesSchema}, device=True)
def show() -> Response:
    """What was found, and when it is looked again."""
    return jsonify(services().releases.state())


@blueprint.post("/look")
@rule("Look for an update now", "configure", {202: UpdatesSchema, 409: None}, device=True)
def look() -> tuple[Response, int]:
    """It takes a moment; `state` says when it is over."""
    services().releases.look_now()
    return show(), 202


@blueprint.post("/install")
@rule("Install what was found, now", "configure", {202: UpdatesSchema, 409: None}, device=True)
def install() -> tuple[Response, int]:
    """It takes minutes, and the camera is started again meanwhile."""
    here = services().releases
    here.install_now()
    note("update-asked", found=here.state()["found"])
    return show(), 202


@blueprint.put("/put-off")
@rule("Put updates off", "configure", {200: UpdatesSchema, 409: None}, body=PutOffSchema, device=True)
def put_off() -> Response:
    """For so many days nothing is installed by itself."""
    days = json_body(PutOffSchema)["days"]
    services().releases.put_off(days)
    note("update-put-off", days=days)
    return show()
