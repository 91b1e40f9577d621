"""JSON about users and tokens."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from pi_cam.trust.capabilities import CAPABILITIES, ROLES

_ROLE = validate.OneOf(list(ROLES))
_GIVEN_ROLE = validate.OneOf(["member", "guest"])
_CAN = fields.List(fields.String(validate=validate.OneOf(CAPABILITIES)))
_CAMERA_ID = fields.String(validate=validate.Length(1, 64))


def _grants(*, required: bool = False) -> fields.Dict:
    return fields.Dict(
        keys=_CAMERA_ID,
        values=_CAN,
        required=required,
        validate=validate.Length(max=64),
        metadata={"description": "Camera to capabilities."},
    )


def _password() -> fields.String:
    return fields.String(required=True, validate=validate.Length(1, 1024))


class UserSchema(Schema):
    """A user; `expires_at` in seconds since 1970, null for no end."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    role = fields.String(required=True, validate=_ROLE)
    created_at = fields.Float(required=True)
    expires_at = fields.Float(required=True, allow_none=True)
    cameras = _grants(required=True)


class UsersSchema(Schema):
    """All users."""

    users = fields.List(fields.Nested(UserSchema), required=True)


class NewUserSchema(Schema):
    """Somebody to let in."""

    name = fields.String(required=True, validate=validate.Length(1, 64))
    password = _password()
    role = fields.String(required=True, validate=_GIVEN_ROLE)
    expires_at = fields.Float(load_default=None, allow_none=True)
    cameras = _grants(required=True)


class UserChangeSchema(Schema):
    """What is left out stays as it is."""

    role = fields.String(validate=_GIVEN_ROLE)
    expires_at = fields.Float(allow_none=True)
    cameras = _grants()


class PasswordSchema(Schema):
    """A new password for somebody who forgot theirs."""

    password = _password()


class TokenSchema(Schema):
    """A token, without its secret; `cameras` null for all and the device itself."""

    name = fields.String(required=True)
    can = fields.List(fields.String(), required=True)
    cameras = fields.List(fields.String(), required=True, allow_none=True)
    created_at = fields.Float(required=True)


class TokensSchema(Schema):
    """All tokens."""

    tokens = fields.List(fields.Nested(TokenSchema), required=True)


class NewTokenSchema(Schema):
    """A token to make."""

    name = fields.String(required=True, validate=validate.Length(1, 64))
    can = fields.List(fields.String(validate=validate.OneOf(CAPABILITIES)), required=True, validate=validate.Length(1))
    cameras = fields.List(_CAMERA_ID, load_default=None, allow_none=True, validate=validate.Length(1, 64))


class MadeTokenSchema(TokenSchema):
    """The only answer that holds the secret."""

    token = fields.String(required=True)
