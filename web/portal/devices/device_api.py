"""What devices say to the portal. They come by themselves, by key and not by cookie; the portal never calls them."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify, request
from sqlalchemy import delete, insert
from webauthn.helpers import base64url_to_bytes

from web.portal import throttle
from web.portal.accounts.addresses import masked
from web.portal.database import db
from web.portal.devices import claims, outages, proofs, relays, rights, signing
from web.portal.devices.journal import intake
from web.portal.devices.journal.speech import BatchSchema
from web.portal.devices.models import Camera, Device
from web.portal.devices.speech import (
    NONSENSE,
    AuthorizeSchema,
    EpochSchema,
    IceSchema,
    NothingSchema,
    PresenceSchema,
    TokenSchema,
    said,
)
from web.portal.errors import NotAllowed, NotSignedIn, Refused
from web.portal.rules import rule
from web.portal.services import services

blueprint = Blueprint("device_api", __name__, url_prefix="/device/v1")

ICE_LIMIT = "30 per minute; 240 per hour"
"""For each device. It asks once for everybody who comes, and again when an hour is over."""

ICE_OWNER_LIMIT = "300 per hour"
"""For all devices of one account together: what a relay costs is paid by whoever runs the portal."""

by_owner = throttle.limiter.shared_limit(
    lambda: ICE_OWNER_LIMIT, scope="relays", key_func=lambda: f"account {claims.owner_of(g.device_id)}"
)

OWNER_LETTERS = 240
UNPAIRED = "This device belongs to nobody here."


class Unpaired(NotAllowed):
    """The device is itself, but is nobody's."""

    code = "unpaired"

    def __init__(self) -> None:
        super().__init__(UNPAIRED)


@blueprint.post("/authorize")
@rule("public")
@throttle.by_address
def authorize() -> Response:
    """A code for people (RFC 8628, section 3.2), for a device that signs with its key."""
    given = said(AuthorizeSchema)
    try:
        public_key = base64url_to_bytes(given["public_key"])
    except ValueError:
        raise Refused(NONSENSE) from None
    proofs.check(public_key, given["signature"], "authorize", given["nonce"])
    described = {name: given[name] for name in ("name", "model", "version")}
    shown = claims.begin(public_key, described, throttle.address())
    page = f"{services().settings.url}/pair"
    code = claims.written(shown.user_code)
    return jsonify(
        device_code=shown.device_code,
        user_code=code,
        verification_uri=page,
        verification_uri_complete=f"{page}?code={code}",
        expires_in=int(claims.GOOD_FOR.total_seconds()),
        interval=claims.INTERVAL_SECONDS,
    )


@blueprint.post("/token")
@rule("public")
@throttle.at_most
def token() -> tuple[Response, int] | Response:
    """Has somebody typed the code? Or: a token to speak with, for a challenge that was signed."""
    given = said(TokenSchema)
    if given["grant"] == "key":
        return _by_key(given["device"], given["challenge"], given["signature"])
    try:
        claim, user = claims.poll(given["device_code"], given["signature"])
    except claims.Pending as pending:
        return jsonify(error=pending.error), 400
    owner = f"{masked(user.email)[:OWNER_LETTERS]} ({claims.check_number(claim)})"
    return jsonify(device=claim.device_id, owner=owner, keys=signing.key_set())


@blueprint.post("/presence")
@rule("device")
@throttle.by_device("30 per minute")
def presence() -> Response:
    """That it is there, and what it has. The first time after a claim it means: somebody at home said yes. The answer tells
    what is known of its configuration, by which the device sees whether there is anything to say."""
    given, now = said(PresenceSchema), services().clock()
    device = speaking_device()
    device.version, device.public_name, device.seen_at = given["version"], given["public_name"], now
    if device.public_name == services().settings.host:
        device.public_name = None
    keys = signing.newer_than(given["keys_version"])
    for name, value in (given["health"] or {}).items():
        setattr(device, name, value)
    db.session.flush()
    _keep_cameras(device, given["cameras"])
    outages.heard(device, given["cameras"])
    if given["journal"]:
        intake.note_head(device, given["journal"])
    answer: dict[str, object] = {"configuration": device.configuration or ""}
    answer |= {"keys": keys} if keys else {}
    answer |= {"journal": intake.held(device)} if given["journal"] else {}
    db.session.commit()
    return jsonify(answer)


@blueprint.post("/journal")
@rule("device")
@throttle.by_device("120 per minute")
def journal() -> Response:
    """The next rows of its journal: all of them, or none and a word why. The answer says what the portal has then."""
    batch, device = said(BatchSchema), speaking_device()
    intake.take(device, batch)
    db.session.commit()
    return jsonify(journal=intake.held(device))


@blueprint.post("/epoch")
@rule("device")
@throttle.by_device("120 per minute")
def epoch() -> Response:
    """Of the accounts that are there now; who is not named in the answer has no business there any more."""
    return jsonify(epochs=rights.epochs_of(speaking_device(), said(EpochSchema)["subjects"]))


@blueprint.post("/ice")
@rule("device")
@throttle.by_device(ICE_LIMIT)
@by_owner
def ice() -> Response:
    """A relay for one viewer, for an hour."""
    said(IceSchema)
    owner = speaking_device().owner_id
    db.session.commit()  # no connection is held while somebody else is asked
    return jsonify(relays.lend(owner))


@blueprint.post("/unpair")
@rule("device")
@throttle.by_device("30 per minute")
def unpair() -> Response:
    """Somebody at home ended it, or said no to a claim: of all that a device says only this is no yes."""
    said(NothingSchema)
    if not claims.leave(g.device_id):
        raise Unpaired
    db.session.commit()
    return jsonify()


def _by_key(device: str, challenge: str | None, signature: str) -> Response:
    if challenge is None:
        return jsonify(challenge=proofs.challenge(device))
    proofs.check_challenge(device, challenge)
    public_key = claims.public_key_of(device)
    if public_key is None:
        raise Unpaired
    proofs.check(public_key, signature, "challenge", challenge)
    return jsonify(access_token=proofs.access_token(device), expires_in=proofs.ACCESS_SECONDS)


def known_device() -> None:
    """Notes whose access token came with the present request. Raises `NotSignedIn`."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    device = proofs.device_of(given.strip()) if scheme.lower() == "bearer" else None
    if device is None:
        raise NotSignedIn("This device has to sign in again.")
    g.device_id = device


def speaking_device() -> Device:
    """That of the present request. Raises `Unpaired`."""
    device = claims.settle(g.device_id)
    if device is None:
        raise Unpaired
    return device


def _keep_cameras(device: Device, given: list[dict[str, object]]) -> None:
    """Every half minute, from every device, and nearly always the same as before: then nothing is written."""
    unique = {row["id"]: row for row in given}
    told = [(row["id"], row["name"], row["state"], row["viewers"]) for row in unique.values()]
    if told == [(one.camera, one.name, one.state, one.viewers) for one in device.cameras]:
        return
    db.session.execute(delete(Camera).where(Camera.device_id == device.id))
    columns = ("camera", "name", "state", "viewers")
    rows = [
        {"device_id": device.id, "position": position, **dict(zip(columns, row, strict=True))}
        for position, row in enumerate(told)
    ]
    if rows:
        db.session.execute(insert(Camera), rows)
    db.session.expire(device, ["cameras"])
