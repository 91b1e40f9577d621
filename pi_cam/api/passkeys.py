"""My own passkeys. (Signing in with one is in `api.sessions`.)"""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, jsonify

from pi_cam.api.access import note
from pi_cam.api.factor_schemas import NewPasskeySchema, PasskeySchema, PasskeysSchema, ProofSchema
from pi_cam.api.rules import rule
from pi_cam.api.schemas import AnyObjectSchema, json_body
from pi_cam.api.services import services
from pi_cam.api.sessions import own_site, own_user
from pi_cam.errors import Conflict

blueprint = Blueprint("passkeys", __name__, url_prefix="/api/v1/account/passkeys")


def possible_here() -> bool:
    """Whether the browser calls us by a name, under which it has passkeys."""
    try:
        own_site()
    except Conflict:
        return False
    return True


@blueprint.get("")
@rule("My passkeys", "person", {200: PasskeysSchema})
def list_all() -> Response:
    """The oldest first."""
    rows = services().passkeys.list(own_user()[0])
    return jsonify(passkeys=[asdict(row) for row in rows], available=possible_here())


@blueprint.post("/options")
@rule("Begin to add a passkey", "person", {200: AnyObjectSchema, 409: None, 429: None}, body=ProofSchema)
def options() -> Response:
    """`PublicKeyCredentialCreationOptionsJSON`: good once, for five minutes, in this session."""
    user, session = own_user()
    here = services()
    here.accounts.require_password(user, json_body(ProofSchema)["current"])
    return jsonify(here.passkeys.options_to_add(user, session, own_site()))


@blueprint.post("")
@rule("Add a passkey", "person", {201: PasskeySchema, 409: None}, body=NewPasskeySchema)
def add() -> Response:
    """What the browser made of the options, which took the password."""
    user, session = own_user()
    given = json_body(NewPasskeySchema)
    row = services().passkeys.add(user, session, own_site(), given["name"], given["credential"])
    note("passkey-added", passkey=row.name, host=row.host)
    response = jsonify(asdict(row))
    response.status_code = 201
    return response


@blueprint.delete("/<passkey>")
@rule("Remove a passkey", "person", {204: None, 429: None}, body=ProofSchema)
def remove(passkey: str) -> Response:
    """It signs nobody in any more."""
    user, _ = own_user()
    here = services()
    here.accounts.require_password(user, json_body(ProofSchema)["current"])
    name = here.passkeys.remove(user, passkey)
    note("passkey-removed", passkey=name)
    return Response(status=204)
