"""A copy of all that the camera remembers, and the way back from it: for its owner, at home."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as BaseResponse

from pi_cam.api.access import current_person, note
from pi_cam.api.pages.entry import FORM, form_page
from pi_cam.api.pages.rendering import HTML, render
from pi_cam.api.rules import rule
from pi_cam.api.services import services
from pi_cam.errors import NotAllowed, PiCamError, SettingError
from pi_cam.keeping.beside import LARGEST

blueprint = Blueprint("pages_backup", __name__)

OCTETS = "application/octet-stream"
PASSPHRASE_BYTES_MAX = 1024
NOT_TWICE = "The two passphrases are not the same."
NO_PASSPHRASE = "Type the passphrase of the backup."
OWNER_ONLY = "Only the owner makes a copy, or brings one back."


@blueprint.get("/backup")
@rule("Copy and restore", "configure", {200: HTML, 403: HTML}, device=True, lan_only=True)
def show() -> str:
    """The two forms."""
    _require_owner()
    return _page(None)


@blueprint.post("/backup")
@rule("Make a copy", "configure", {200: OCTETS, 403: HTML, 422: HTML, 503: HTML}, body=FORM, device=True, lan_only=True)
def make() -> BaseResponse:
    """A sealed file, which is worth nothing without its passphrase."""
    _require_owner()
    passphrase = request.form.get("passphrase", "")
    try:
        if passphrase != request.form.get("again", ""):
            raise SettingError(NOT_TWICE)
        data = services().keeping.backup(passphrase)
    except PiCamError as error:
        return form_page(_page(str(error)), error)
    note("backup-made")
    name = f"pi-cam-{datetime.now(UTC).date().isoformat()}.backup"
    return Response(data, mimetype=OCTETS, headers={"Content-Disposition": f"attachment; filename={name}"})


@blueprint.post("/api/v1/restore")
@rule("Bring a copy back", "configure", {202: None, 403: None, 413: None}, body=OCTETS, device=True, lan_only=True)
def restore() -> BaseResponse:
    """The body: the passphrase in UTF-8, a line feed, and the file. The camera begins anew with what is in it."""
    _require_owner()
    request.max_content_length = LARGEST + PASSPHRASE_BYTES_MAX
    if request.content_length is None:
        raise RequestEntityTooLarge
    passphrase, found, data = request.get_data().partition(b"\n")
    try:
        words = passphrase.decode()
    except UnicodeDecodeError:
        words = ""
    if not found or not 1 <= len(passphrase) <= PASSPHRASE_BYTES_MAX or not words:
        raise SettingError(NO_PASSPHRASE)
    begin_anew = services().keeping.restore(data, words)
    note("backup-restored")
    begin_anew()
    return Response(status=202)


def _require_owner() -> None:
    """In the file are everybody's passwords as the camera holds them, and its keys: no token, and no guest of a portal."""
    person = current_person()
    if person.role != "owner" or person.portal_role or person.session is None:
        raise NotAllowed(OWNER_ONLY)


def _page(error: str | None) -> str:
    return render("backup.html", error=error, largest=LARGEST)
