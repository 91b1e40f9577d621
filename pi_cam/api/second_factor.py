"""My own second factor: an authenticator app, and recovery codes."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, jsonify

from pi_cam.api import qr
from pi_cam.api.access import current_person, note
from pi_cam.api.factor_schemas import CodeSchema, EnrolmentSchema, ProofSchema, RecoveryCodesSchema, TotpSchema
from pi_cam.api.rules import rule
from pi_cam.api.schemas import json_body
from pi_cam.api.services import services
from pi_cam.api.sessions import own_user

blueprint = Blueprint("second_factor", __name__, url_prefix="/api/v1/account")


@blueprint.get("/totp")
@rule("Whether my account asks for a code", "person", {200: TotpSchema})
def state() -> Response:
    """And how many recovery codes are left."""
    return jsonify(asdict(services().totp.state(own_user()[0])))


@blueprint.post("/totp")
@rule("Begin with an authenticator app", "person", {201: EnrolmentSchema, 409: None, 429: None}, body=ProofSchema)
def begin() -> Response:
    """It counts once a code of the app was sent by PUT."""
    user, _ = own_user()
    here = services()
    name = here.accounts.require_password(user, json_body(ProofSchema)["current"])
    enrolment = here.totp.begin(user, name)
    response = jsonify(**asdict(enrolment), qr=qr.picture(enrolment.uri))
    response.status_code = 201
    return response


@blueprint.put("/totp")
@rule("Turn the second factor on", "person", {200: RecoveryCodesSchema, 409: None}, body=CodeSchema)
def confirm() -> Response:
    """With a code of the app. The recovery codes are shown once."""
    user, _ = own_user()
    codes = services().totp.confirm(user, json_body(CodeSchema)["code"])
    note("second-factor-on", name=current_person().name)
    return jsonify(recovery_codes=codes)


@blueprint.delete("/totp")
@rule("Turn the second factor off", "person", {204: None, 409: None, 429: None}, body=ProofSchema)
def turn_off() -> Response:
    """The recovery codes go, too. Refused while the password is too short to stand alone."""
    user, _ = own_user()
    services().accounts.turn_second_factor_off(user, json_body(ProofSchema)["current"])
    note("second-factor-off", name=current_person().name)
    return Response(status=204)


@blueprint.post("/recovery-codes")
@rule("New recovery codes", "person", {201: RecoveryCodesSchema, 409: None, 429: None}, body=ProofSchema)
def renew() -> Response:
    """Those before are worth nothing from now on."""
    user, _ = own_user()
    here = services()
    here.accounts.require_password(user, json_body(ProofSchema)["current"])
    response = jsonify(recovery_codes=here.totp.new_recovery_codes(user))
    note("recovery-codes-made", name=current_person().name)
    response.status_code = 201
    return response
