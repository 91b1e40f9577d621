"""The portal that this device belongs to. Begun, answered and ended at home only: nobody from outside can give this device
away."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify
from marshmallow import Schema, fields, validate

from pi_cam.api.access import note
from pi_cam.api.rules import rule
from pi_cam.api.schemas import json_body
from pi_cam.api.services import services

blueprint = Blueprint("pairing", __name__, url_prefix="/api/v1/pairing")

STATES = ("none", "asking", "claimed", "paired")


class PairingSchema(Schema):
    """`asking`: `code` waits to be typed at `page`. `claimed`: `owner` did, and waits for a yes from here."""

    state = fields.String(required=True, validate=validate.OneOf(STATES))
    portal = fields.String(required=True, allow_none=True)
    owner = fields.String(required=True, allow_none=True)
    device = fields.String(required=True)
    trouble = fields.String(required=True, allow_none=True)
    answered_seconds_ago = fields.Float(required=True, allow_none=True)
    journal_rows = fields.Integer(required=True, metadata={"description": "Rows of the journal that the portal has."})
    journal_trouble = fields.String(required=True, allow_none=True)
    code = fields.String()
    page = fields.String()
    link = fields.String()
    seconds_left = fields.Integer()


class PortalAddressSchema(Schema):
    """Such as https://portal.example."""

    portal = fields.String(required=True, validate=validate.Length(1, 254))


class OwnerSchema(Schema):
    """As the device shows it."""

    owner = fields.String(required=True, validate=validate.Length(1, 254))


def described() -> dict[str, Any]:
    """The state as JSON."""
    here = services()
    portal, link = here.pairing.portal(), here.link.state()
    claimed = portal and ("paired" if portal.accepted else "claimed")
    return {
        "state": claimed or ("asking" if "code" in link else "none"),
        "portal": portal.address if portal else None,
        "owner": portal.owner if portal else None,
        "device": here.device_id,
        **link,
    }


def ask_portal(address: str) -> None:
    """For a code. Raises as `Link.ask`."""
    services().link.ask(address)
    note("pairing-begun", portal=address)


def accept_owner(owner: str) -> None:
    """The one that was shown. Raises as `Pairing.accept`."""
    here = services()
    here.pairing.accept(owner)
    here.link.accepted()
    portal = here.pairing.portal()
    note("device-paired", owner=owner, portal=portal.address if portal else "")


@blueprint.get("")
@rule("The portal that this device belongs to", "configure", {200: PairingSchema}, device=True)
def get() -> Response:
    """None, one that was asked, or one that it is paired with."""
    return jsonify(described())


@blueprint.post("")
@rule(
    "Ask a portal for a code",
    "configure",
    {201: PairingSchema, 409: None, 502: None},
    body=PortalAddressSchema,
    device=True,
    lan_only=True,
)
def ask() -> Response:
    """The code is typed at the portal within some minutes."""
    ask_portal(json_body(PortalAddressSchema)["portal"])
    response = jsonify(described())
    response.status_code = 201
    return response


@blueprint.post("/accept")
@rule(
    "Say yes to who claimed this device",
    "configure",
    {200: PairingSchema, 404: None, 409: None},
    body=OwnerSchema,
    device=True,
    lan_only=True,
)
def accept() -> Response:
    """`owner` as it was shown: so that nobody else slips in between."""
    accept_owner(json_body(OwnerSchema)["owner"])
    return jsonify(described())


@blueprint.delete("")
@rule("End the pairing, or say no", "configure", {204: None, 404: None}, device=True, lan_only=True)
def end() -> Response:
    """Everybody who came from the portal is sent away at once."""
    here = services()
    portal = here.pairing.accepted()
    if portal is None:
        here.link.give_up()
    else:
        here.link.unpair()
        note("device-unpaired", portal=portal.address, by="device")
        here.present.check_now()
    return Response(status=204)
