"""The browser's half of the pages: player, styles, templates and both languages. A Flask blueprint, no database.

The player's modules are served as they are written: no build step stands between the source and the browser.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from flask import Blueprint, Response, abort, send_from_directory

HERE = Path(__file__).parent

# What the live page's module imports, told to the browser at once so that it need not discover them one by one.
PLAYER_MODULES = sorted(
    path.name
    for path in (HERE / "player").glob("*.js")
    if path.name
    not in {
        "captive.js",
        "page.js",
        "setup.js",
        "setup-camera.js",
        "setup-time.js",
        "setup-wifi.js",
        "passwords.js",
        "types.js",
        "forms.js",
        "account.js",
        "login.js",
        "passkey.js",
        "cameras.js",
        "changes.js",
        "backup.js",
        "updates.js",
        "remote.js",
        "remember.js",
        "sealing.js",
    }
)

# Written out, because the system's own table differs from machine to machine, and browsers refuse a module that is not
# sent as JavaScript.
CONTENT_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}


def create_blueprint() -> Blueprint:
    """The blueprint "ui": `/ui/player/…`, `/ui/static/…`, and the templates for whoever renders the pages."""
    blueprint = Blueprint("ui", __name__, url_prefix="/ui", template_folder="templates")
    blueprint.add_url_rule("/player/<path:filename>", "player", _player)
    blueprint.add_url_rule("/static/<path:filename>", "static", _static)
    blueprint.app_context_processor(lambda: {"player_modules": PLAYER_MODULES})
    return blueprint


def _player(filename: str) -> Response:
    return _send("player", filename)


def _static(filename: str) -> Response:
    return _send("static", filename)


def _send(folder: str, filename: str) -> Response:
    """A file that the browser keeps, but asks about each time: an update of the camera shows at once, at the cost of a
    304 that carries no body."""
    content_type = CONTENT_TYPES.get(PurePosixPath(filename).suffix)
    if content_type is None:
        abort(404)
    response = send_from_directory(HERE / folder, filename, mimetype=content_type)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
