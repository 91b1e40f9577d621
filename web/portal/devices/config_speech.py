"""What a device may say of its configuration, and in which form."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from web.portal.devices.strict import Strict

ROWS_MOST = 100
TEXT_MOST = 1000
AGO_MOST = 3.0e9
"""Ninety-five years: the clock of 1970."""

VERSION_MOST = 2**53 - 1
NAME = r"[a-z0-9_.-]{1,80}\Z"
NO_CONTROL = r"[^\x00-\x1f\x7f]*\Z"


def _text(longest: int) -> fields.String:
    return fields.String(required=True, validate=[validate.Length(0, longest), validate.Regexp(NO_CONTROL)])


def _name() -> fields.String:
    return fields.String(required=True, validate=validate.Regexp(NAME))


def _version() -> fields.Integer:
    return fields.Integer(required=True, strict=True, validate=validate.Range(0, VERSION_MOST))


def _ago() -> fields.Float:
    return fields.Float(required=True, allow_none=True, validate=validate.Range(0, AGO_MOST))


def _bound() -> fields.Float:
    return fields.Float(required=True, allow_none=True, validate=validate.Range(-1e15, 1e15))


class ValueField(fields.Field[Any]):
    """A number, a text, yes or no; kept as it is."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        number = isinstance(value, int | float) and abs(value) < 1e15  # which is false of what is no number
        text = isinstance(value, str) and len(value) <= TEXT_MOST
        if not (isinstance(value, bool) or number or text):
            raise ValidationError("no value")
        return value


class OtherSchema(Strict):
    """The edit of the other side, in a conflict."""

    value = ValueField(required=True)
    by = _text(64)
    seconds_ago = _ago()


class OutcomeSchema(Strict):
    """What became of an edit that was made here."""

    key = fields.String(required=True, validate=validate.Length(1, 32))
    result = fields.String(required=True, validate=validate.OneOf(["applied", "refused", "overtaken"]))
    why = _text(300)
    version = _version()
    other = fields.Nested(OtherSchema, required=True, allow_none=True)


class RowSchema(Strict):
    """A row as it is at the device."""

    name = _name()
    value = ValueField(required=True)
    version = _version()
    seconds_ago = _ago()
    by = _text(64)
    title = _text(100)
    help = _text(600)
    kind = fields.String(required=True, validate=validate.OneOf(["boolean", "integer", "number", "text"]))
    low = _bound()
    high = _bound()
    choices = fields.List(_text(100), required=True, validate=validate.Length(0, 20))
    restart = fields.Boolean(required=True, truthy={True}, falsy={False})
    editable = fields.Boolean(required=True, truthy={True}, falsy={False})


class ConfigSchema(Strict):
    """`names`: of all rows, in order. `rows`: those that the portal does not have like that. `outcomes`: of its edits."""

    names = fields.List(_name(), required=True, validate=validate.Length(0, ROWS_MOST))
    rows = fields.List(fields.Nested(RowSchema), required=True, validate=validate.Length(0, ROWS_MOST))
    outcomes = fields.List(fields.Nested(OutcomeSchema), required=True, validate=validate.Length(0, ROWS_MOST))

    @validates_schema
    def _fits(self, found: dict[str, Any], **_: Any) -> None:
        names = [row["name"] for row in found["rows"]]
        if len(set(names)) != len(names) or not set(names) <= set(found["names"]):
            raise ValidationError("rows without names, or twice")
