"""WHEP over HTTP (draft-ietf-wish-whep): any standard player can watch, with a bearer token."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.exceptions import PreconditionFailed, UnsupportedMediaType

from pi_cam.api.access import current_person, visitor_of
from pi_cam.api.rules import rule
from pi_cam.api.services import services
from pi_cam.errors import OfferRefused
from pi_cam.transport.viewers import Visitor
from pi_cam.transport.whep import entity_tag

blueprint = Blueprint("whep", __name__, url_prefix="/whep")

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
ANSWER_SECONDS = 8.0


@blueprint.after_request
def open_to_other_origins(response: Response) -> Response:
    """A player may stand on any page; without credentials, since a bearer token is the only key to this door."""
    response.headers.update(
        {
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Access-Control-Allow-Methods": "POST, PATCH, DELETE, OPTIONS",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
            "Access-Control-Expose-Headers": "Location, Link, ETag, Accept-Patch, Retry-After",
        }
    )
    return response


@blueprint.post("/<camera_id>", provide_automatic_options=False)
@rule(
    "Watch: an SDP offer against an answer",
    "view",
    {201: SDP, 409: None, 429: None, 503: None},
    body=SDP,
    bearer_only=True,
)
def watch(camera_id: str) -> Response:
    """A new session."""
    here = services()
    offer = _text(SDP)
    hub = here.cameras.get(camera_id).hub
    session, answer = here.loop.call(here.whep.open(camera_id, hub, _visitor(camera_id), offer), ANSWER_SECONDS)
    response = Response(answer, 201, mimetype=SDP)
    response.headers["Location"] = f"/whep/{camera_id}/{session}"
    response.headers["ETag"] = entity_tag(session)
    response.headers["Accept-Patch"] = FRAGMENT
    for url in here.door.ice_servers():
        response.headers.add("Link", f'<{url}>; rel="ice-server"')
    return response


@blueprint.patch("/<camera_id>/<session>", provide_automatic_options=False)
@rule("Trickle candidates", "view", {204: None, 412: None}, body=FRAGMENT, bearer_only=True)
def trickle(camera_id: str, session: str) -> Response:
    """Candidates of the viewer, as they are found."""
    here = services()
    fragment = _text(FRAGMENT)
    if request.headers.get("If-Match", "*") not in ("*", entity_tag(session)):
        raise PreconditionFailed("These candidates belong to another connection.")
    here.loop.call(here.whep.trickle(camera_id, session, _visitor(camera_id), fragment))
    return Response(status=204)


@blueprint.delete("/<camera_id>/<session>", provide_automatic_options=False)
@rule("Stop watching", "view", {200: None}, bearer_only=True)
def leave(camera_id: str, session: str) -> Response:
    """Ends the session."""
    here = services()
    here.loop.call(here.whep.close(camera_id, session, _visitor(camera_id)))
    return Response(status=200)


@blueprint.route("/<camera_id>", methods=["OPTIONS"], provide_automatic_options=False)
@blueprint.route("/<camera_id>/<session>", methods=["OPTIONS"], provide_automatic_options=False)
@rule("What another origin may send", "public", {204: None}, bearer_only=True)
def preflight(camera_id: str, session: str = "") -> Response:
    """CORS preflight; the headers come from `open_to_other_origins`."""
    return Response(status=204)


def _visitor(camera_id: str) -> Visitor:
    return visitor_of(current_person(), camera_id)


def _text(mimetype: str) -> str:
    if request.mimetype != mimetype:
        raise UnsupportedMediaType(f"Send {mimetype}.")
    try:
        return request.get_data().decode()
    except UnicodeDecodeError:
        raise OfferRefused("This is not a session description.") from None
