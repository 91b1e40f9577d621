"""The pages on which things are changed. Their forms speak to the API (`web/ui/player/forms.js`)."""

from __future__ import annotations

from flask import Blueprint

from pi_cam.api import tokens, users
from pi_cam.api.access import current_person
from pi_cam.api.cameras import describe_all
from pi_cam.api.pages.rendering import HTML, render
from pi_cam.api.rules import rule
from pi_cam.api.services import services
from pi_cam.trust.capabilities import CAPABILITIES, ROLES, in_order

blueprint = Blueprint("pages_manage", __name__)


@blueprint.get("/cameras")
@rule("The cameras", "configure", {200: HTML})
def cameras() -> str:
    """Added, changed, ordered, removed."""
    return render("cameras.html", cameras=describe_all())


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


@blueprint.get("/account")
@rule("My account", "person", {200: HTML})
def account() -> str:
    """Where I am signed in, and my password."""
    person = current_person()
    rows = services().sessions.of(int(person.key.removeprefix("user "))) if person.session else []
    return render("account.html", sessions=rows, current=person.session)
