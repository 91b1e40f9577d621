"""`make portal`: the portal on this machine, with SQLite in build/, two people, two devices, and what they did.

Mails appear on the terminal, unless MAIL_URL names a server.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

from web.portal import migrate, sample_data
from web.portal.database import engine_for
from web.portal.errors import BadSettings
from web.portal.sample_data import GUEST, OWNER, PASSWORD
from web.portal.settings import from_environment

BUILD = Path(__file__).parents[2] / "build"
DEFAULT_PORT = "8090"


def prepare() -> list[str]:
    """Makes what is missing; the command of the server. Raises `BadSettings`."""
    port = os.environ.get("PORT") or DEFAULT_PORT
    BUILD.mkdir(exist_ok=True)
    os.environ.setdefault("PORTAL_ENVIRONMENT", "development")
    os.environ.setdefault("PORTAL_URL", f"http://localhost:{port}")
    # Devices sign for the address of the portal: what they signed is worth nothing at another one.
    name = "portal.db" if port == DEFAULT_PORT else f"portal-{port}.db"
    os.environ.setdefault("DATABASE_URL", f"sqlite:///{BUILD / name}")
    os.environ.setdefault("PORTAL_SECRET_KEY", _own_secret())
    settings = from_environment(os.environ)
    engine = engine_for(settings.database_url)
    migrate.up(engine)
    engine.dispose()
    sample_data.add(settings)
    sys.stdout.write(f"portal on {settings.url}\nsample account: {OWNER}, password: {PASSWORD}\n")
    sys.stdout.write(f"somebody with whom a camera is shared: {GUEST}, with the same password\n")
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


def _start_sample_device() -> None:
    """One device is there as long as this process, whose place the server takes. In a session of its own: it ends by
    itself, and the server would take a child that was interrupted for a worker."""
    command = [sys.executable, "-m", "web.portal.sample_device", str(os.getpid())]
    subprocess.Popen(command, start_new_session=True)


if __name__ == "__main__":
    try:
        server = prepare()
    except BadSettings as error:
        sys.exit(f"The portal cannot start. {error}")
    _start_sample_device()
    # The server takes the place of this process, so that what ends this ends it, too.
    os.execv(server[0], server)  # noqa: S606 - a fixed command, no shell
