"""Setting up, for people's scripts: how far it has come, and answering a step. In the home's network only."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args

from flask import Blueprint, Response, jsonify
from marshmallow import Schema, fields, validate

from pi_cam.api import setup_answers
from pi_cam.api.rules import rule
from pi_cam.api.schemas import json_body
from pi_cam.api.services import services
from pi_cam.errors import NotFound
from pi_cam.setup_wizard.steps import MARKS, NOT_HERE, STEPS, Step
from pi_cam.setup_wizard.wifi import Phase, Reason

blueprint = Blueprint("setup", __name__, url_prefix="/api/v1/setup")


class StepSchema(Schema):
    """One step. `mark`: null while it is still to come. `open`: whether it may be answered now."""

    step = fields.String(required=True, validate=validate.OneOf(STEPS))
    mark = fields.String(required=True, allow_none=True, validate=validate.OneOf(MARKS))
    open = fields.Boolean(required=True)


class WifiSchema(Schema):
    """The Wi-Fi. `failed_ssid`, `reason`: what became of the last try."""

    phase = fields.String(required=True, validate=validate.OneOf(get_args(Phase)))
    ssid = fields.String(required=True, allow_none=True)
    failed_ssid = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True, validate=validate.OneOf(get_args(Reason)))
    country = fields.String(
        required=True, metadata={"description": "Whose rules the radio follows; 00: what is allowed everywhere."}
    )


class SetupSchema(Schema):
    """The steps that there are on this machine, in order. `current`: where it goes on. `wifi`: null before there is an
    owner."""

    wifi = fields.Nested(WifiSchema, required=True, allow_none=True)

    steps = fields.List(fields.Nested(StepSchema), required=True)
    current = fields.String(required=True, validate=validate.OneOf(STEPS))
    complete = fields.Boolean(required=True)
    problem = fields.String(required=True, allow_none=True)


def _word(longest: int, **more: Any) -> fields.String:
    return fields.String(validate=validate.Length(max=longest), **more)


class AnswerSchema(Schema):
    """What a step is answered with; which fields count is the step's own business."""

    action = fields.String(
        load_default="done",
        validate=validate.OneOf(setup_answers.ACTIONS),
        metadata={
            "description": "`skip`, `done`; for `wifi` first `join` (or `forget`, `country`, or `hotspot`: the camera "
            "opens its own network); for `remote` also `ask` (a portal for a code), `accept` or `refuse` (who claimed this "
            "device), `tunnel`. `updates` takes `on` or `off`."
        },
    )
    language = _word(2)
    camera_name = _word(64)
    code = _word(20)
    name = _word(64)
    password = _word(1024)
    ssid = _word(32)
    passphrase = _word(64)
    hidden = fields.Boolean(truthy={True}, falsy={False})
    time_zone = _word(100)
    portal = _word(254)
    owner = _word(254)
    tunnel = _word(16)
    tunnel_host = _word(253)
    updates = _word(3)
    country = _word(2)


@blueprint.get("")
@rule("How far setting up has come", "wizard", {200: SetupSchema}, lan_only=True)
def show() -> Response:
    """Its steps."""
    return jsonify(described())


@blueprint.post("/<step>")
@rule(
    "Answer a step of setting up",
    "wizard",
    {200: SetupSchema, 401: None, 404: None, 409: None, 429: None, 502: None},
    body=AnswerSchema,
    lan_only=True,
)
def answer(step: str) -> Response:
    """Until there is an owner, `language` and `owner` only. Answering a step once more is no error."""
    given = json_body(AnswerSchema)
    action = given.pop("action")
    values = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
    setup_answers.answer(known(step), action, values)
    return jsonify(described())


def known(word: str) -> Step:
    """Raises `NotFound` for a word that is no step."""
    for step in STEPS:
        if step == word:
            return step
    raise NotFound(NOT_HERE)


def described() -> dict[str, Any]:
    """As `SetupSchema`."""
    here, now = services(), setup_answers.progress()
    return {
        "steps": [{"step": one, "mark": now.mark(one), "open": now.is_open(one)} for one in now.steps],
        "current": now.current,
        "complete": now.is_complete,
        "problem": here.wizard.problem,
        "wifi": asdict(setup_answers.wifi_state(here)) if now.has_owner else None,
    }
