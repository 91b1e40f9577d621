"""The settings: what they are, and changing them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify
from marshmallow import Schema, fields, validate

from pi_cam.api.access import note, note_for_portal
from pi_cam.api.arrival import from_far
from pi_cam.api.rules import rule
from pi_cam.api.schemas import json_object
from pi_cam.api.services import services
from pi_cam.errors import NotAllowed
from pi_cam.remote.configurable import CAMERA_TITLE
from pi_cam.remote.rows import Settled
from pi_cam.setting import Setting, Value
from pi_cam.setting_rows import SETTINGS
from pi_cam.settings import ROWS, Settings

blueprint = Blueprint("settings", __name__, url_prefix="/api/v1/settings")

JSON_TYPES = {"boolean": "boolean", "integer": "integer", "number": "number", "text": "string"}


class SettingSchema(Schema):
    """One setting."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    value = fields.Raw(
        required=True,
        allow_none=True,
        metadata={"description": "What holds now, or after the restart that is waited for. Null for a secret."},
    )
    default = fields.Raw(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(list(JSON_TYPES)))
    low = fields.Float(required=True, allow_none=True)
    high = fields.Float(required=True, allow_none=True)
    choices = fields.List(fields.String(), required=True)
    help = fields.String(required=True)
    restart = fields.Boolean(required=True, metadata={"description": "A new value waits for the next start."})
    waiting = fields.Boolean(required=True, metadata={"description": "A new value does so now."})
    secret = fields.Boolean(required=True)
    changeable = fields.Boolean(
        required=True, metadata={"description": "Not so what the environment sets, or only the operator may set."}
    )
    variable = fields.String(required=True, metadata={"description": "The environment variable that sets it."})
    set_by = fields.String(required=True, validate=validate.OneOf(["default", "file", "environment"]))


class SettingsSchema(Schema):
    """All settings. `problems`: what is wrong with their file, in sentences."""

    settings = fields.List(fields.Nested(SettingSchema), required=True)
    problems = fields.List(fields.String(), required=True)


class OtherEditSchema(Schema):
    """What somebody at home had set the same row to. `by`: empty when nobody knows."""

    value = fields.Raw(required=True)
    by = fields.String(required=True)
    at = fields.Float(required=True, allow_none=True)


class PortalEditSchema(Schema):
    """A change that somebody made at the portal, and what became of it. `other`: the change at home that it overtook, or
    that overtook it. Moments in seconds since 1970; null while the clock was not set."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    value = fields.Raw(required=True)
    by = fields.String(required=True, metadata={"description": "The account there, masked."})
    at = fields.Float(required=True, allow_none=True)
    result = fields.String(required=True, validate=validate.OneOf(["applied", "refused", "overtaken"]))
    why = fields.String(required=True, allow_none=True)
    other = fields.Nested(OtherEditSchema, required=True, allow_none=True)


class PortalEditsSchema(Schema):
    """The newest first."""

    edits = fields.List(fields.Nested(PortalEditSchema), required=True)


def _field(row: Setting) -> fields.Raw:
    """Its shape in the description only: `Settings.change` checks it."""
    metadata: dict[str, Any] = {"type": [JSON_TYPES[row.kind], "null"], "description": row.help}
    bounds = {"minimum": row.low, "maximum": row.high, "enum": [*row.choices, None] if row.choices else None}
    metadata.update({name: bound for name, bound in bounds.items() if bound is not None})
    return fields.Raw(metadata=metadata)


ChangeSchema = Schema.from_dict({row.name: _field(row) for row in SETTINGS if not row.operator}, name="SettingsChange")
"""New values by name; null takes a setting back to its default."""


@blueprint.get("")
@rule("All settings", "configure", {200: SettingsSchema})
def show() -> Response:
    """What they are, and what may be given."""
    return jsonify(described())


@blueprint.patch("")
@rule("Change settings: all of those given, or none", "configure", {200: SettingsSchema}, body=ChangeSchema)
def change() -> Response:
    """New values by name."""
    take(json_object())
    return jsonify(described())


def take(wanted: Mapping[str, object]) -> None:
    """Changes them as whoever makes this request, all or none, and writes that down. Raises as `Settings.change`."""
    settings = services().settings
    changed = settings.change(wanted, _refuse_lifting) if from_far() else settings.change(wanted)
    for name, (before, after) in changed.items():
        shown = not ROWS[name].secret
        note("setting-changed", name=name, before=before if shown else None, after=after if shown else None)
    note_for_portal()


@blueprint.get("/from-portal")
@rule("What the portal changed lately", "configure", {200: PortalEditsSchema}, device=True)
def from_portal() -> Response:
    """Newest first; with what it met, where somebody at home had changed the same."""
    return jsonify(edits=portal_edits())


def portal_edits() -> list[dict[str, Any]]:
    """As `PortalEditSchema` has them."""
    return [_portal_edit(one) for one in services().configuration.recent()]


def _portal_edit(one: Settled) -> dict[str, Any]:
    other = one.other
    return {
        "name": one.name,
        "title": ROWS[one.name].title if one.name in ROWS else CAMERA_TITLE,
        "value": one.value,
        "by": one.by,
        "at": one.at,
        "result": one.result,
        "why": one.why or None,
        "other": other and {"value": other.value, "by": other.by, "at": other.at},
    }


def _refuse_lifting(name: str, before: Value, after: Value) -> None:
    """Who is far away can mute this device, or turn a part of it off, but not undo that."""
    closed = ROWS[name].local_to_leave
    if closed is not None and before == closed and after != closed:
        if name == "tunnel":
            raise NotAllowed("A tunnel is turned on in the local network only.")
        raise NotAllowed("A muted microphone or loudspeaker is turned on again in the local network only.")


def described() -> dict[str, Any]:
    """All rows, as `SettingsSchema` has them."""
    settings = services().settings
    return {"settings": [_row(settings, row) for row in SETTINGS], "problems": settings.problems()}


def _row(settings: Settings, row: Setting) -> dict[str, Any]:
    set_by = settings.set_by(row.name)
    return {
        "name": row.name,
        "title": row.title,
        "value": None if row.secret else settings.saved(row.name),
        "default": row.default,
        "kind": row.kind,
        "low": row.low,
        "high": row.high,
        "choices": list(row.choices),
        "help": row.help,
        "restart": row.restart,
        "waiting": settings.waiting(row.name),
        "secret": row.secret,
        "changeable": set_by != "environment" and not row.operator,
        "variable": row.variable,
        "set_by": set_by,
    }
