"""What devices may say, and in which form. What is longer, or of another kind, is refused as a whole."""

from __future__ import annotations

import json
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError, fields, validate

from web.portal.devices.journal.speech import HeadSchema
from web.portal.devices.strict import Strict
from web.portal.errors import Refused

CAMERAS_MOST = 100
SUBJECTS_MOST = 200
NONSENSE = "What this device says makes no sense."
CAMERA = r"[a-z0-9-]{1,32}\Z"
HOST = r"([a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{0,62}\Z"
LINE = r"[^\x00-\x1f\x7f]+\Z"


def _line(longest: int, **more: Any) -> fields.String:
    return fields.String(validate=[validate.Length(1, longest), validate.Regexp(LINE)], **more)


def _signature(**more: Any) -> fields.String:
    return fields.String(validate=validate.Length(1, 200), **more)


class AuthorizeSchema(Strict):
    """`public_key`: 32 bytes, `nonce`, `signature`: base64url."""

    public_key = fields.String(required=True, validate=validate.Length(equal=43))
    nonce = fields.String(required=True, validate=validate.Length(1, 64))
    signature = _signature(required=True)
    name = _line(64, required=True)
    model = _line(64, required=True)
    version = _line(32, required=True)


class TokenSchema(Strict):
    """`grant` code: has somebody typed it? `grant` key: a token to speak with, for a signed challenge."""

    grant = fields.String(required=True, validate=validate.OneOf(["code", "key"]))
    device_code = fields.String(load_default="", validate=validate.Length(0, 100))
    device = fields.String(load_default="", validate=validate.Length(0, 20))
    challenge = fields.String(load_default=None, validate=validate.Length(1, 400))
    signature = _signature(load_default="")


class CameraSchema(Strict):
    """A camera as its device describes it."""

    id = fields.String(required=True, validate=validate.Regexp(CAMERA))
    name = _line(64, required=True)
    state = fields.String(
        required=True,
        validate=validate.OneOf(["stopped", "idle", "starting", "live", "unreachable", "privacy"]),
    )
    viewers = fields.Integer(required=True, strict=True, validate=validate.Range(0, 100_000))


class HealthSchema(Strict):
    """How its machine is; null for what it does not say. `temperature` in degrees Celsius, sizes in bytes."""

    uptime_seconds = fields.Integer(required=True, allow_none=True, strict=True, validate=validate.Range(0, 2**40))
    temperature = fields.Float(required=True, allow_none=True, validate=validate.Range(-100, 250))
    disk_free = fields.Integer(required=True, allow_none=True, strict=True, validate=validate.Range(0, 2**60))
    disk_size = fields.Integer(required=True, allow_none=True, strict=True, validate=validate.Range(0, 2**60))


class PresenceSchema(Strict):
    """`public_name`: under which a tunnel leads to the device. `keys_version`: of the portal's keys that it pinned.
    `journal`: its newest row, signed."""

    version = _line(32, required=True)
    public_name = fields.String(
        required=True, allow_none=True, validate=[validate.Length(max=253), validate.Regexp(HOST)]
    )
    keys_version = fields.Integer(required=True, strict=True, validate=validate.Range(1, 2**31 - 1))
    cameras = fields.List(fields.Nested(CameraSchema), required=True, validate=validate.Length(0, CAMERAS_MOST))
    health = fields.Nested(HealthSchema, load_default=None, allow_none=True)
    journal = fields.Nested(HeadSchema, load_default=None, allow_none=True)


class EpochSchema(Strict):
    """Accounts that are at the device now."""

    subjects = fields.List(
        fields.String(validate=validate.Length(1, 64)), required=True, validate=validate.Length(0, SUBJECTS_MOST)
    )


class IceSchema(Strict):
    """A viewer, under a name that says nothing to anybody but their device: it counts for nothing here."""

    viewer = fields.String(required=True, validate=validate.Regexp(r"[0-9a-f]{32}\Z"))


class NothingSchema(Strict):
    """No fields."""


def said(schema: type[Schema]) -> dict[str, Any]:
    """The body of the present request. Raises `Refused`."""
    try:
        given = request.get_json(silent=True) if request.is_json else None
        json.dumps(given, ensure_ascii=False).encode()  # half a character is in nobody's name
    except (RecursionError, UnicodeError):
        given = None
    if not isinstance(given, dict):
        raise Refused(NONSENSE)
    try:
        found: dict[str, Any] = schema().load(given)
    except ValidationError:
        raise Refused(NONSENSE) from None
    return found
