"""The pages on which things are changed. Their forms speak to the API (`web/ui/player/forms.js`)."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint

from pi_cam.api import arrival, pairing, passkeys, qr, system, tokens, users
from pi_cam.api import settings as setting_rows
from pi_cam.api.access import current_person
from pi_cam.api.cameras import describe_all
from pi_cam.api.journal import JournalQuerySchema, page_of
from pi_cam.api.pages.rendering import HTML, render
from pi_cam.api.pages.setup_views import usb_cameras
from pi_cam.api.rules import rule
from pi_cam.api.schemas import query_values
from pi_cam.api.services import services
from pi_cam.api.sessions import local_user
from pi_cam.journal.actions import ACTIONS
from pi_cam.trust.capabilities import CAPABILITIES, ROLES, in_order

blueprint = Blueprint("pages_manage", __name__)


@blueprint.get("/cameras")
@rule("The cameras", "configure", {200: HTML})
def cameras() -> str:
    """Added, changed, ordered, removed."""
    return render("cameras.html", cameras=describe_all(), usb_cameras=usb_cameras())


@blueprint.get("/privacy")
@rule("Privacy", "control", {200: HTML}, device=True)
def privacy() -> str:
    """On for everybody who may; off at home."""
    return render("privacy.html", on=services().switch.is_private, at_home=not arrival.from_far())


@blueprint.get("/people")
@rule("Who was let in", "configure", {200: HTML})
def people() -> str:
    """Users and tokens."""
    here = services()
    return render(
        "people.html",
        users=[users.described(row) for row in here.users.list()],
        tokens=[tokens.described(row) for row in here.tokens.list()],
        cameras=describe_all(),
        capabilities=CAPABILITIES,
        roles={role: in_order(can) for role, can in ROLES.items() if role != "owner"},
    )


@blueprint.get("/settings")
@rule("The settings", "configure", {200: HTML})
def settings() -> str:
    """Those that a person may change, and what decides the others."""
    return render(
        "settings.html", **setting_rows.described(), portal_edits=setting_rows.portal_edits(), at_home=_at_home()
    )


@blueprint.get("/journal")
@rule("The journal", "configure", {200: HTML, 422: HTML}, query=JournalQuerySchema)
def journal() -> str:
    """Newest first, filtered, a page at a time."""
    asked = query_values(JournalQuerySchema, ignore_empty=True)
    page = page_of(asked)
    older = {**asked, "before": page["next"]} if page["next"] else None
    cameras = describe_all()
    return render(
        "journal.html",
        rows=page["rows"],
        problem=page["problem"],
        asked=asked,
        older=older and "/journal?" + urlencode(older),
        actions=ACTIONS,
        cameras=cameras,
        names={camera["id"]: camera["name"] for camera in cameras},
    )


@blueprint.get("/system")
@rule("This device", "configure", {200: HTML})
def this_device() -> str:
    """What it is, and whether all is in order."""
    updates, findings = services().releases.state(), system.findings()
    return render("system.html", system=system.described(), updates=updates, findings=findings, at_home=_at_home())


@blueprint.get("/remote")
@rule("From anywhere", "configure", {200: HTML})
def remote() -> str:
    """The portal that this device belongs to, and the tunnel that leads here."""
    here, state = services(), pairing.described()
    tunnel = here.tunnel.state()
    url = f"https://{tunnel['host']}/" if tunnel["host"] else None
    name = here.settings.text("tunnel_host") or min(here.tunnel.names(), default=None)
    remember = f"https://{name}/remember#{here.media_identity.public_key}" if name else None
    return render(
        "remote.html",
        pairing=state,
        qr=qr.data_address(state.get("link")),
        tunnel=tunnel,
        tunnel_url=url,
        at_home=_at_home(),
        device_code=here.media_identity.code,
        remember_url=remember,
        remember_qr=qr.data_address(remember),
    )


@blueprint.get("/account")
@rule("My account", "person", {200: HTML})
def account() -> str:
    """Where I am signed in, my password, my second factor and my passkeys."""
    person = current_person()
    here, user = services(), local_user(person)
    if user is None:
        return render("account.html", sessions=[], current=None, totp=None, passkeys=None, passkeys_here=False)
    return render(
        "account.html",
        sessions=here.sessions.of(user),
        current=person.session,
        totp=here.totp.state(user),
        passkeys=here.passkeys.list(user),
        passkeys_here=passkeys.possible_here(),
    )


def _at_home() -> bool:
    return arrival.listener() == "lan"
