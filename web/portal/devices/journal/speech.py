"""What devices may say of their journals, and in which form."""

from __future__ import annotations

from marshmallow import ValidationError, fields, validate
from webauthn.helpers import base64url_to_bytes

from web.journal.forwarded import HASH_BYTES, LARGEST_NUMBER, LONGEST_DETAIL, LONGEST_WORD
from web.portal.devices.strict import Strict

ROWS_MOST = 500
RESULTS = ("ok", "refused", "failed")
WORD = r"[^\x00-\x1f\x7f]*\Z"
ACTION = r"[a-z0-9-]+\Z"


class Bytes(fields.Field[bytes]):
    """base64url; exactly so many bytes."""

    def __init__(self, length: int) -> None:
        super().__init__(required=True)
        self.length = length

    def _deserialize(self, value: object, *_: object, **__: object) -> bytes:
        try:
            found = base64url_to_bytes(value) if isinstance(value, str) and len(value) <= 2 * self.length else b""
        except ValueError:
            found = b""
        if len(found) != self.length:
            raise ValidationError("not so many bytes")
        return found


def _number(least: int) -> fields.Integer:
    return fields.Integer(required=True, strict=True, validate=validate.Range(least, LARGEST_NUMBER))


def _word() -> fields.String:
    return fields.String(required=True, validate=[validate.Length(0, LONGEST_WORD), validate.Regexp(WORD)])


class HeadSchema(Strict):
    """Its newest row, signed: `web.journal.forwarded.head_text`."""

    seq = _number(0)
    hash = Bytes(HASH_BYTES)
    at = _number(-LARGEST_NUMBER)
    signature = Bytes(64)


class RowSchema(Strict):
    """`web.journal.forwarded.Forwarded`, and its hash."""

    seq = _number(1)
    at = _number(-LARGEST_NUMBER)
    actor = _word()
    action = fields.String(required=True, validate=[validate.Length(1, LONGEST_WORD), validate.Regexp(ACTION)])
    camera = _word()
    result = fields.String(required=True, validate=validate.OneOf(RESULTS))
    detail = fields.String(required=True, validate=validate.Length(0, LONGEST_DETAIL))
    hash = Bytes(HASH_BYTES)


class BatchSchema(Strict):
    """`previous`: the hash of the row before the first of these."""

    previous = Bytes(HASH_BYTES)
    rows = fields.List(fields.Nested(RowSchema), required=True, validate=validate.Length(1, ROWS_MOST))
    head = fields.Nested(HeadSchema, required=True)
