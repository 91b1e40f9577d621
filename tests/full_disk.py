"""The application on a disk that gets full. Run as a program, `python -m tests.full_disk FOLDER`: it mounts a small disk
there, in a mount namespace of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pi_cam.hub import Hub
from tests.contract.application import NAME, OWN, PASSWORD, Application, running

NOT_POSSIBLE = 77
"""Exit status where this machine lets us mount nothing."""

CLONE_NEWNS = 0x0002_0000
SIZE = "size=6m"
SEEN_LATER_SECONDS = 120
LIVE_SECONDS = 1.0
LIVE_UNITS = 5


def mount(folder: Path) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "no mount namespace")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", SIZE, "tmpfs", str(folder)], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Not a byte is free."""
    ballast = folder / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()


async def units(hub: Hub) -> int:
    """How many pictures come now."""
    subscription, count = hub.subscribe(100), 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LIVE_SECONDS):
            while await subscription.next() is not None:
                count += 1
    subscription.close()
    return count


def detail(answer: object) -> str:
    return str(answer.get_json()["detail"])  # type: ignore[attr-defined]  # werkzeug's test answer


def the_picture_goes_on(application: Application) -> None:
    hub = application.services.cameras.get("main").hub
    assert application.app.loop.call(units(hub), 10) >= LIVE_UNITS


def check(folder: Path, application: Application) -> None:
    owner, journal = application.owner(), application.app.journal
    token = application.token("view")
    later = time.time() + SEEN_LATER_SECONDS
    application.services.sessions._clock = lambda: later  # "last seen" is due to be written
    the_picture_goes_on(application)
    with full(folder):
        for path in (
            "/",
            "/api/v1/cameras",
            "/api/v1/cameras/main/snapshot.jpg",
            "/api/v1/settings",
            "/api/v1/sessions",
        ):
            answer = owner.get(path)
            assert answer.status_code == 200, (path, answer.get_data(as_text=True))
        assert application.client().get("/api/v1/cameras", headers=token).status_code == 200
        the_picture_goes_on(application)
        shown = owner.get("/api/v1/journal").get_json()
        assert shown["rows"]
        assert "cannot be used: database or disk is full" in shown["problem"], shown["problem"]
        refused = owner.patch("/api/v1/settings", json={"journal_days": 30}, headers=OWN)
        assert refused.status_code == 503
        assert detail(refused) == "The settings cannot be written: No space left on device."
        assert application.services.settings.integer("journal_days") == 365
        refused = application.client().post("/api/v1/sessions", json={"name": NAME, "password": PASSWORD})
        assert refused.status_code == 503
        assert "database or disk is full" in detail(refused)
    assert owner.patch("/api/v1/settings", json={"journal_days": 30}, headers=OWN).status_code == 200
    journal.flush()
    assert journal.problem() is None
    rows = owner.get("/api/v1/journal").get_json()["rows"]
    (gap,) = [row for row in rows if row["action"] == "gap"]
    assert gap["detail"]["count"] > 0
    assert "setting-changed" in [row["action"] for row in rows]


def main() -> int:
    folder = Path(sys.argv[1])
    try:
        mount(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"{error}\n")
        return NOT_POSSIBLE
    with running(folder / "data") as application:
        check(folder, application)
        token = application.token("view")
    with full(folder), running(folder / "data") as application:
        assert application.client().get("/api/v1/cameras", headers=token).status_code == 200
        the_picture_goes_on(application)
    with running(folder / "data") as application:
        assert application.services.settings.integer("journal_days") == 30
        assert application.app.journal.problem() is None
        assert application.owner().get("/api/v1/journal").status_code == 200
    return 0


if __name__ == "__main__":
    sys.exit(main())
