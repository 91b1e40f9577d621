"""`make portal`: the portal on this machine, with SQLite in build/ and a person who has an account already.

Mails appear on the terminal, unless MAIL_URL names a server.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from flask_security.utils import hash_password
from sqlalchemy import select

from web.portal import migrate
from web.portal.accounts.models import User
from web.portal.app import create_app
from web.portal.database import db, engine_for, now
from web.portal.errors import BadSettings
from web.portal.settings import Settings, from_environment

BUILD = Path(__file__).parents[2] / "build"
SAMPLE_EMAIL, SAMPLE_PASSWORD = "sample@example.org", "three blue boats at noon"
DEFAULT_PORT = "8090"


def prepare() -> list[str]:
    """Makes what is missing; the command of the server. Raises `BadSettings`."""
    port = os.environ.get("PORT") or DEFAULT_PORT
    BUILD.mkdir(exist_ok=True)
    os.environ.setdefault("PORTAL_ENVIRONMENT", "development")
    os.environ.setdefault("PORTAL_URL", f"http://localhost:{port}")
    os.environ.setdefault("DATABASE_URL", f"sqlite:///{BUILD / 'portal.db'}")
    os.environ.setdefault("PORTAL_SECRET_KEY", _own_secret())
    settings = from_environment(os.environ)
    engine = engine_for(settings.database_url)
    migrate.up(engine)
    engine.dispose()
    _add_sample(settings)
    sys.stdout.write(f"portal on {settings.url}\nsample account: {SAMPLE_EMAIL}, password: {SAMPLE_PASSWORD}\n")
    sys.stdout.flush()
    options = ["--bind", f"localhost:{port}", "--threads", "8", "--log-level", "warning", "--no-control-socket"]
    return [sys.executable, "-m", "gunicorn", *options, "web.portal.wsgi:app"]


def _own_secret() -> str:
    """One for this folder, made the first time."""
    path = BUILD / "portal.secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48), "ascii")
    return path.read_text("ascii").strip()


def _add_sample(settings: Settings) -> None:
    app = create_app(settings)
    with app.app_context():
        if db.session.execute(select(User).where(User.email == SAMPLE_EMAIL)).first() is None:
            sample = User(
                email=SAMPLE_EMAIL,
                password=hash_password(SAMPLE_PASSWORD),
                language="en",
                created_at=now(),
                confirmed_at=now(),
                fs_uniquifier=secrets.token_hex(32),
                passkey_handle=secrets.token_bytes(32),
            )
            db.session.add(sample)
            db.session.commit()
        db.engine.dispose()


if __name__ == "__main__":
    try:
        server = prepare()
    except BadSettings as error:
        sys.exit(f"The portal cannot start. {error}")
    # The server takes the place of this process, so that what ends this ends it, too.
    os.execv(server[0], server)  # noqa: S606 - a fixed command, no shell
