"""What people change of their own accounts."""

from __future__ import annotations

from flask import Blueprint, Response
from marshmallow import Schema, fields, validate

from pi_cam.api.access import current_person, note
from pi_cam.api.rules import rule
from pi_cam.api.schemas import json_body
from pi_cam.api.services import services
from pi_cam.api.sessions import own_user

blueprint = Blueprint("account", __name__, url_prefix="/api/v1/account")


class PasswordChangeSchema(Schema):
    """The present one proves that it is you."""

    current = fields.String(required=True, validate=validate.Length(1, 1024))
    new = fields.String(required=True, validate=validate.Length(1, 1024))


@blueprint.put("/password")
@rule("Change my password", "person", {204: None, 429: None}, body=PasswordChangeSchema)
def change_password() -> Response:
    """Ends all my other sessions."""
    user, session = own_user()
    given = json_body(PasswordChangeSchema)
    here = services()
    here.accounts.change_password(user, given["current"], given["new"], session=session)
    note("password-changed", name=current_person().name)
    here.present.check_now()
    return Response(status=204)
