"""How somebody who found a fault reaches whoever can mend it (RFC 9116)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, request

from pi_cam import about
from pi_cam.api.pages.rendering import HTML, render
from pi_cam.api.rules import rule
from pi_cam.api.services import services
from pi_cam.trust.authority import RELEASED

blueprint = Blueprint("security", __name__)

GOOD_FOR = timedelta(days=180)
"""Less than a year is recommended (RFC 9116, section 2.5.5)."""


@blueprint.get("/.well-known/security.txt")
@rule("Where to report a fault", "public", {200: "text/plain"})
def contact() -> Response:
    """For programs and people."""
    # Always https (RFC 9116, section 2.5.3): where plain HTTP is spoken, on loopback, nobody but the operator reads this.
    policy = f"https://{request.host}{about.POLICY_PATH}"
    lines = (
        f"Contact: {services().settings.text('security_contact') or policy}",
        f"Expires: {_now() + GOOD_FOR:%Y-%m-%dT00:00:00Z}",
        f"Policy: {policy}",
        "Preferred-Languages: en, fr",
    )
    return Response("".join(f"{line}\n" for line in lines), content_type="text/plain; charset=utf-8")


@blueprint.get(about.POLICY_PATH)
@rule("How to report a fault", "public", {200: HTML})
def policy() -> str:
    """In words for people."""
    return render(
        "policy.html",
        contact=services().settings.text("security_contact"),
        support_until=about.SUPPORT_UNTIL.isoformat(),
    )


def _now() -> datetime:
    """Never before this program existed, whatever the clock says."""
    try:
        return max(datetime.fromtimestamp(time.time(), UTC), RELEASED)
    except (OverflowError, ValueError, OSError):
        return RELEASED
