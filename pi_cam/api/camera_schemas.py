"""JSON about cameras that are added, and about who watches."""

from __future__ import annotations

from typing import get_args

from marshmallow import Schema, fields, validate

from pi_cam.bitrate import Rendition, Why
from pi_cam.capture.addresses import MAX_LENGTH


def _address(*, required: bool = False) -> fields.String:
    return fields.String(
        required=required,
        validate=validate.Length(1, MAX_LENGTH),
        metadata={"description": "rtsp(s):// or http(s)://, with name and password where the camera wants them."},
    )


class NewCameraSchema(Schema):
    """A camera to add."""

    name = fields.String(required=True, validate=validate.Length(1, 64))
    address = _address(required=True)
    small_address = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, MAX_LENGTH))
    allow_lan = fields.Boolean(load_default=False)


class CameraChangeSchema(Schema):
    """What is left out stays as it is; `small_address` null takes the small stream away, `address` null (of
    the machine's own camera only) leaves it to the device which one it is."""

    name = fields.String(validate=validate.Length(1, 64))
    address = fields.String(allow_none=True, validate=validate.Length(1, MAX_LENGTH))
    small_address = fields.String(allow_none=True, validate=validate.Length(1, MAX_LENGTH))
    allow_lan = fields.Boolean()


class OrderSchema(Schema):
    """All cameras, in the order in which they are shown."""

    cameras = fields.List(fields.String(), required=True, validate=validate.Length(1, 64))


class AddressSchema(Schema):
    """An address to try."""

    address = _address(required=True)
    allow_lan = fields.Boolean(load_default=False)


class AddressReportSchema(Schema):
    """What was found there."""

    verdict = fields.String(
        required=True, validate=validate.OneOf(["works", "unreachable", "forbidden", "unsupported"])
    )
    trouble = fields.String(required=True, allow_none=True)
    sends = fields.String(required=True, allow_none=True, metadata={"description": "The codec of the camera itself."})
    transcoded = fields.Boolean(required=True)
    width = fields.Integer(required=True, allow_none=True)
    height = fields.Integer(required=True, allow_none=True)
    fps = fields.Float(required=True, allow_none=True)
    still = fields.String(required=True, allow_none=True, metadata={"description": "A JPEG as a data URL."})


class DelaySchema(Schema):
    """Where a viewer's delay comes from: milliseconds by stage; null where unknown."""

    encode = fields.Float(required=True, allow_none=True, metadata={"description": "Where this device encodes."})
    hub = fields.Float(required=True, allow_none=True, metadata={"description": "Until this viewer's sender takes it."})
    send = fields.Float(required=True, allow_none=True, metadata={"description": "Until its last packet has left."})
    network = fields.Float(required=True, allow_none=True, metadata={"description": "Until it is there."})
    display = fields.Float(required=True, allow_none=True, metadata={"description": "Until it is on the screen."})


class ViewerSchema(Schema):
    """Somebody who watches now."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    transport = fields.String(required=True)
    started_at = fields.Float(required=True)
    delay_ms = fields.Integer(required=True, allow_none=True)
    rendition = fields.String(
        required=True,
        validate=validate.OneOf(get_args(Rendition)),
        metadata={"description": "keyframes: of the main one, where there is no small one."},
    )
    why = fields.String(
        required=True,
        validate=validate.OneOf(get_args(Why)),
        metadata={
            "description": "fits: its connection carries what is sent. lowered: the main rendition's bit rate is lowered. "
            "weak: its connection carries far less than the best one. unknown: it reports nothing. off: a setting says so."
        },
    )
    bitrate = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "What its connection carries, estimated; bits a second."},
    )
    loss = fields.Float(required=True, allow_none=True, metadata={"description": "Of the packets, 0 to 1."})
    rtt_ms = fields.Float(required=True, allow_none=True)
    delay = fields.Nested(DelaySchema, required=True)


class ViewersSchema(Schema):
    """All who watch a camera now."""

    viewers = fields.List(fields.Nested(ViewerSchema), required=True)
