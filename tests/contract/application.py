"""The real application without a server: `pi_cam.app.App` over a synthetic camera and a new data folder."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from flask.testing import FlaskClient

from pi_cam.api.services import EXTENSION, Services
from pi_cam.app import App, Config
from pi_cam.loop import LANES, Loop
from pi_cam.settings import Settings
from pi_cam.trust.capabilities import known_capabilities

NAME = "Ada"
PASSWORD = "a green door behind the house"
OWN = {"X-Pi-Cam": "1"}
SOURCE = "synthetic:?size=160x120&fps=10"


class Application:
    """A running application, and ways to come to it."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.flask = app.wsgi
        self.services: Services = app.wsgi.extensions[EXTENSION]

    def client(self) -> FlaskClient:
        """Somebody with an empty browser."""
        return self.flask.test_client()

    def owner(self) -> FlaskClient:
        """The owner's browser. Makes the owner if there is none."""
        if not self.app.accounts.has_owner():
            self.app.accounts.create_owner(NAME, PASSWORD)
        owner = next(one for one in self.services.users.list() if one.role == "owner")
        client = self.client()  # without the password: bcrypt would take most of the time of a walk
        client.set_cookie("sid", self.services.sessions.open(owner.id, address="127.0.0.1", agent="a test"))
        return client

    def user(self, name: str, grants: Mapping[str, Iterable[str]], *, expired: bool = False) -> FlaskClient:
        """The browser of somebody who was let in; guests by their name. `expired`: until a moment ago."""
        users = self.services.users
        row = next((one for one in users.list() if one.name == name), None)
        if row is None:
            role: Literal["member", "guest"] = "guest" if name.startswith("guest") else "member"
            known = {camera: known_capabilities(can) for camera, can in grants.items() if can}
            row = users.add(name, PASSWORD, role, known, time.time() + 3600 if role == "guest" else None)
        client = self.client()
        client.set_cookie("sid", self.services.sessions.open(row.id, address="127.0.0.1", agent="a test"))
        if expired:
            with self.services.users._store.transaction() as database:
                database.execute("UPDATE users SET expires_at = ? WHERE id = ?", (time.time() - 1, row.id))
        return client

    def token(self, *capabilities: str, cameras: list[str] | None = None) -> dict[str, str]:
        """The header of a token that has these."""
        name = f"test {len(self.services.tokens.list())}"
        secret = self.services.tokens.create(name, known_capabilities(capabilities), cameras)
        return {"Authorization": f"Bearer {secret}"}


@contextmanager
def running(folder: Path, *, button: bool = False, source: str = SOURCE, **settings: str) -> Iterator[Application]:
    """Starts it; at the end it is stopped."""
    app = App(
        Config(folder, source, ("localhost", "127.0.0.1", "[::1]"), button=button),
        Settings.load(folder, {"PI_CAM_GRACE_SECONDS": "0", "PI_CAM_VIEWERS_MAX": "3", **settings}),
    )
    level = logging.getLogger("pi_cam").level
    app.start()
    app.loop.call(_start_all_blocking_threads(app.loop))
    try:
        yield Application(app)
    finally:
        app.stop()
        logging.getLogger("pi_cam").setLevel(level)  # it is a setting, and may have been changed


async def _start_all_blocking_threads(loop: Loop) -> None:
    """Else they would begin in the midst of a test, and look like something that it left behind."""
    for lane, size in LANES.items():
        together = threading.Barrier(size)
        await asyncio.gather(*(loop.run_blocking(together.wait, lane=lane) for _ in range(size)))
