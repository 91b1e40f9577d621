"""The Flask application."""

from __future__ import annotations

from functools import partial

from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.routing import IntegerConverter

import web.ui
from pi_cam.api import (
    access,
    account,
    arrival,
    audio,
    button,
    camera_changes,
    cameras,
    certificate,
    journal,
    live,
    metrics,
    pairing,
    passkeys,
    portal_entry,
    privacy,
    problems,
    second_factor,
    security,
    sessions,
    settings,
    setup,
    system,
    tokens,
    tunnel,
    updates,
    users,
    viewers,
    whep,
)
from pi_cam.api.pages import backup as backup_page
from pi_cam.api.pages import entry, manage, rendering
from pi_cam.api.pages import live as live_page
from pi_cam.api.pages import setup as setup_page
from pi_cam.api.rules import rule
from pi_cam.api.services import EXTENSION, Services
from pi_cam.api.sockets import NoThread
from pi_cam.transport.websocket import MAX_MESSAGE_BYTES, SUBPROTOCOL

MAX_BODY_BYTES = 64 * 1024

HSTS_SECONDS = 2 * 365 * 24 * 3600

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


PARTS = (
    backup_page,
    account,
    audio,
    button,
    camera_changes,
    cameras,
    certificate,
    entry,
    journal,
    live,
    live_page,
    manage,
    metrics,
    pairing,
    passkeys,
    portal_entry,
    privacy,
    second_factor,
    security,
    sessions,
    settings,
    setup,
    setup_page,
    system,
    tokens,
    tunnel,
    updates,
    users,
    viewers,
    whep,
)


class Number(IntegerConverter):
    """A number that a row may have. Larger ones match no route; by werkzeug's own `max` they would be told, in some orders
    of routes, that another method is allowed."""

    regex = r"\d{1,9}"


def create(services: Services, trusted_hosts: list[str]) -> Flask:
    """The application over these services. `trusted_hosts`: names under which this device may be addressed."""
    app = Flask("pi_cam", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        SOCK_SERVER_OPTIONS={
            "max_message_size": MAX_MESSAGE_BYTES,
            "subprotocols": [SUBPROTOCOL],
            "thread_class": NoThread,
        },
    )
    app.extensions[EXTENSION] = services
    app.url_map.converters["number"] = Number
    metrics.install(app)
    access.install(app, trusted_hosts)
    problems.install(app, rendering.error_page)
    live.sockets.init_app(app)
    for part in PARTS:
        app.register_blueprint(part.blueprint)
    app.register_blueprint(web.ui.create_blueprint())
    _open_static_files(app)

    @app.before_request
    def refuse_long_bodies() -> None:
        # One without a length is read up to the limit and no further, which looks like a body that ends there.
        if request.content_length is None and len(request.get_data()) >= MAX_BODY_BYTES:
            raise RequestEntityTooLarge

    @app.after_request
    def protect(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if arrival.listener() == "tunnel":  # the one listener that has a public name
            response.headers.setdefault("Strict-Transport-Security", f"max-age={HSTS_SECONDS}")
        if not request.path.startswith("/ui/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app


def _open_static_files(app: Flask) -> None:
    """The pages' own files are for anybody: the sign-in page needs them."""
    public = rule("A file of the pages", "public", {200: "application/octet-stream", 304: None, 404: None})
    for endpoint, view in app.view_functions.items():
        if endpoint.startswith("ui."):
            app.view_functions[endpoint] = public(partial(view))  # the views themselves belong to `web.ui`
