"""JSON that comes in and goes out."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import RAISE, Schema, ValidationError, fields, validate
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from pi_cam.errors import SettingError


class ProblemSchema(Schema):
    """RFC 9457."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)


class HealthSchema(Schema):
    """Alive."""

    status = fields.String(required=True, validate=validate.Equal("ok"))


class CameraSchema(Schema):
    """A camera; null where unknown."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    state = fields.String(
        required=True, validate=validate.OneOf(["stopped", "idle", "starting", "live", "unreachable", "privacy"])
    )
    trouble = fields.String(required=True, allow_none=True, metadata={"description": "What is wrong, in a sentence."})
    source = fields.String(required=True, metadata={"description": "Its address, without a password."})
    codec = fields.String(required=True, allow_none=True)
    width = fields.Integer(required=True, allow_none=True)
    height = fields.Integer(required=True, allow_none=True)
    fps = fields.Float(required=True, allow_none=True)
    bitrate = fields.Integer(required=True, allow_none=True, metadata={"description": "Bits per second."})
    viewers = fields.Integer(required=True)
    drops = fields.Integer(required=True, metadata={"description": "Access units dropped for slow viewers."})
    delay_ms = fields.Integer(required=True, allow_none=True, metadata={"description": "Median over the viewers."})
    transcoded = fields.Boolean(required=True)
    small = fields.Boolean(required=True, metadata={"description": "Whether it has a second, small stream."})
    allow_lan = fields.Boolean(required=True, metadata={"description": "Whether it may be in a private network."})
    choosable = fields.Boolean(required=True, metadata={"description": "Whether its address may be changed here."})


class CamerasSchema(Schema):
    """All cameras."""

    cameras = fields.List(fields.Nested(CameraSchema), required=True)


class SignInSchema(Schema):
    """Name and password. `code`: where there is a second factor, of the app, or a recovery code."""

    name = fields.String(required=True, validate=validate.Length(1, 64))
    password = fields.String(required=True, validate=validate.Length(1, 1024))
    code = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=64))


class PersonSchema(Schema):
    """Who is signed in."""

    name = fields.String(required=True)
    role = fields.String(required=True, allow_none=True)
    can = fields.List(fields.String(), required=True, metadata={"description": "On every camera, and on the device."})
    cameras = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        metadata={"description": "Camera to capabilities, there only."},
    )


class SessionSchema(Schema):
    """A session of the signed-in person."""

    id = fields.String(required=True)
    agent = fields.String(required=True)
    address = fields.String(required=True)
    created_at = fields.Float(required=True)
    seen_at = fields.Float(required=True)
    current = fields.Boolean(required=True)


class SessionsSchema(Schema):
    """All sessions of the signed-in person."""

    sessions = fields.List(fields.Nested(SessionSchema), required=True)


class AnyObjectSchema(Schema):
    """A JSON object that is described elsewhere."""

    class Meta:
        """Open."""

        unknown = "include"


def json_body(schema: type[Schema]) -> dict[str, Any]:
    """The request's JSON, checked. Raises `UnsupportedMediaType` and `SettingError`."""
    try:
        data: dict[str, Any] = schema(unknown=RAISE).load(_json())
    except ValidationError as error:
        raise SettingError(_sentence(error.messages_dict)) from None
    return data


def json_object() -> dict[str, Any]:
    """The request's JSON object, whatever is in it. Raises `UnsupportedMediaType` and `SettingError`."""
    data = _json()
    if not isinstance(data, dict):
        raise SettingError("Send a JSON object.")
    return data


def query_values(schema: type[Schema], *, ignore_empty: bool = False) -> dict[str, Any]:
    """What stands behind the question mark, checked. `ignore_empty`: a form sends all its fields, those left empty, too.
    Raises `SettingError`."""
    given = {name: value for name, value in request.args.items() if value or not ignore_empty}
    try:
        values: dict[str, Any] = schema(unknown=RAISE).load(given)
    except ValidationError as error:
        raise SettingError(_sentence(error.messages_dict)) from None
    return values


def _json() -> Any:
    if not request.is_json:
        raise UnsupportedMediaType("Send application/json.")
    try:
        return request.get_json()
    except RecursionError:
        raise BadRequest("This JSON is nested too deeply.") from None


def _sentence(messages: dict[str, Any]) -> str:
    name, problems = next(iter(messages.items()))
    first = problems[0] if isinstance(problems, list) else "makes no sense"
    return f"{name}: {first}" if name != "_schema" else str(first)
