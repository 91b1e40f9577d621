"""The composition root: the one place that names all parts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask
from flask_security import Security, SQLAlchemyUserDatastore
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

import web.ui
from web.portal import headers, mail, problems, rules, throttle
from web.portal.accounts import account, entry, factor_pages, recovery
from web.portal.accounts.models import User
from web.portal.accounts.sessions import Sessions
from web.portal.database import Clock, db, engine_options, now
from web.portal.devices import (
    configuration_api,
    device_api,
    epochs,
    export,
    pages,
    setting_pages,
    shares,
    sharing_pages,
    upkeep,
)
from web.portal.devices.journal import pages as journal_pages
from web.portal.mail import Post, Smtp, Terminal
from web.portal.services import EXTENSION, Services
from web.portal.settings import Settings

MAX_BODY_BYTES = 64 * 1024
SPOKEN = (configuration_api, device_api)
"""What devices speak to."""

PARTS = (account, *SPOKEN, entry, factor_pages, journal_pages, pages, recovery, setting_pages, sharing_pages)


def create_app(
    settings: Settings,
    *,
    clock: Clock = now,
    post: Post | None = None,
    address_limit: str = "20 per minute; 200 per hour",
) -> Flask:
    """The application. `post`: where mail goes, if not where the settings say. `address_limit`: how often strangers may try
    something from one address."""
    app = Flask("web.portal", template_folder="templates", static_folder="static", static_url_path="/portal")
    app.config.from_mapping(_configuration(settings), ADDRESS_LIMIT=address_limit)
    app.extensions[EXTENSION] = Services(
        settings,
        clock,
        post or (Smtp(settings.mail) if settings.mail else Terminal()),
        renewed=epochs.raise_of,
        belongings=export.of,
        forgotten=shares.forget,
    )
    app.session_interface = Sessions(clock, secure=settings.secure)
    if settings.proxies:
        # The address only: names and scheme are those of PORTAL_URL, whatever a header says.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=0)  # type: ignore[method-assign]
    # First: what is closed is closed, and what cannot be known is said, before a form is looked at.
    rules.install(app, device_api.known_device)
    db.init_app(app)
    protection = CSRFProtect(app)
    for part in SPOKEN:
        protection.exempt(part.blueprint)  # devices come by key; no browser does it for them
    throttle.limiter.init_app(app)
    _install_security(app)
    problems.install(app)
    mail.install(app)
    headers.install(app, settings)
    upkeep.install(app)
    app.register_blueprint(web.ui.create_blueprint())
    for part in PARTS:
        app.register_blueprint(part.blueprint)
    for endpoint, view in app.view_functions.items():
        if endpoint.startswith("ui.") or endpoint == "static":
            app.view_functions[endpoint] = _file_of_the_pages(view)
    logging.getLogger("flask-limiter").setLevel(logging.ERROR)
    return app


def _file_of_the_pages(view: Callable[..., Any]) -> Callable[..., Any]:
    """The views themselves belong to Flask and to `web.ui`, which know nothing of our rules."""

    @rules.rule("public")
    @wraps(view)
    def shown(**arguments: Any) -> Any:
        return view(**arguments)

    return shown


def _configuration(settings: Settings) -> dict[str, Any]:
    return {
        "SECRET_KEY": settings.key("sessions").hex(),
        "TRUSTED_HOSTS": [settings.host],
        "MAX_CONTENT_LENGTH": MAX_BODY_BYTES,
        "MAX_FORM_MEMORY_SIZE": MAX_BODY_BYTES,
        "MAX_FORM_PARTS": 50,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings.database_url),
        # The names that the shared templates use.
        "WTF_CSRF_FIELD_NAME": "form_token",
        "WTF_CSRF_HEADERS": ["X-Form-Token"],
        "WTF_CSRF_SECRET_KEY": settings.key("forms").hex(),
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session
        "WTF_CSRF_SSL_STRICT": False,  # `rules` looks at Origin and Sec-Fetch-Site, which say it better than Referer
        "SECURITY_PASSWORD_HASH": "bcrypt",
        "SECURITY_PASSWORD_SCHEMES": ["bcrypt"],
        "SECURITY_PASSWORD_SALT": settings.key("passwords").hex(),
        "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {"bcrypt__rounds": settings.bcrypt_cost},
        "SECURITY_JOIN_USER_ROLES": False,
        "SECURITY_CLI_USERS_NAME": None,
        "SECURITY_CLI_ROLES_NAME": None,
    }


def _install_security(app: Flask) -> None:
    """Flask-Security without its pages: docs/adr/0015 says why."""
    datastore = SQLAlchemyUserDatastore(db, User, None)  # type: ignore[arg-type]  # rights belong to cameras, not to roles
    security = Security(app, datastore, register_blueprint=False)
    # Neither tokens in headers or addresses, nor a query for every page only because a template might ask who it is.
    security.login_manager.request_loader(lambda _request: None)
    processors = app.template_context_processors[None]
    processors[:] = [one for one in processors if not one.__module__.startswith("flask_login")]
