"""JSON about second factors."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class ProofSchema(Schema):
    """The present password proves that it is you."""

    current = fields.String(required=True, validate=validate.Length(1, 1024))


class TotpSchema(Schema):
    """Whether a code is asked for."""

    on = fields.Boolean(required=True)
    recovery_codes_left = fields.Integer(required=True)


class EnrolmentSchema(Schema):
    """For an authenticator app: `qr` is an SVG picture of `uri`; `secret` is the same by hand, in base32."""

    secret = fields.String(required=True)
    uri = fields.String(required=True)
    qr = fields.String(required=True)


class CodeSchema(Schema):
    """Six digits."""

    code = fields.String(required=True, validate=validate.Length(1, 64))


class RecoveryCodesSchema(Schema):
    """The only answer that holds them."""

    recovery_codes = fields.List(fields.String(), required=True)


class PasskeySchema(Schema):
    """A passkey; `host` is the name of this device under which it works, `used_at` null for never."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    host = fields.String(required=True)
    created_at = fields.Float(required=True)
    used_at = fields.Float(required=True, allow_none=True)


class PasskeysSchema(Schema):
    """My passkeys; `available`: whether one can be added under the name by which this was asked."""

    passkeys = fields.List(fields.Nested(PasskeySchema), required=True)
    available = fields.Boolean(required=True)


class NewPasskeySchema(Schema):
    """What the browser's `navigator.credentials.create` gave, as `RegistrationResponseJSON`."""

    name = fields.String(required=True, validate=validate.Length(1, 64))
    credential = fields.Dict(required=True, keys=fields.String())


class PasskeySignInSchema(Schema):
    """What the browser's `navigator.credentials.get` gave, as `AuthenticationResponseJSON`."""

    credential = fields.Dict(required=True, keys=fields.String())
