"""The real application without a server: `pi_cam.app.App` over a synthetic camera and a new data folder."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask.testing import FlaskClient

from pi_cam.api.services import EXTENSION, Services
from pi_cam.app import App, Config
from pi_cam.loop import LANES, Loop
from pi_cam.settings import Settings, Value
from pi_cam.trust.capabilities import parse_capabilities

NAME = "Ada"
PASSWORD = "a green door behind the house"
OWN = {"X-Pi-Cam": "1"}


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
        secret, _ = self.app.accounts.sign_in(NAME, PASSWORD, address="127.0.0.1", agent="a test")
        client = self.client()
        client.set_cookie("sid", secret)
        return client

    def token(self, *capabilities: str) -> dict[str, str]:
        """The header of a token that has these."""
        name = f"test {len(self.services.tokens.list())}"
        secret = self.services.tokens.create(name, parse_capabilities(",".join(capabilities)))
        return {"Authorization": f"Bearer {secret}"}


@contextmanager
def running(folder: Path, **settings: Value) -> Iterator[Application]:
    """Starts it; at the end it is stopped."""
    app = App(
        Config(folder, "synthetic:?size=160x120&fps=10", ("localhost", "127.0.0.1", "[::1]")),
        Settings({"grace_seconds": 0.0, "viewers_max": 3, **settings}),
    )
    app.start()
    app.loop.call(_start_all_blocking_threads(app.loop))
    try:
        yield Application(app)
    finally:
        app.stop()


async def _start_all_blocking_threads(loop: Loop) -> None:
    """Else they would begin in the midst of a test, and look like something that it left behind."""
    for lane, size in LANES.items():
        together = threading.Barrier(size)
        await asyncio.gather(*(loop.run_blocking(together.wait, lane=lane) for _ in range(size)))
