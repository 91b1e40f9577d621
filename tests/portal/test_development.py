"""`make portal`: a person who works on it needs nothing but the command, and finds something on every page."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib import request
from urllib.parse import urlencode

from tests.portal.post_office import free_port
from tests.portal.served import wait_for
from web.portal.database import Base
from web.portal.sample_data import GUEST, INVITED, OWNER, PASSWORD

HERE = Path(__file__).parents[2]
FLEETING = {"attempts", "challenges", "sign_ins", "watches"}
"""Tables that grow while somebody looks."""


class Browser:
    """Keeps cookies."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._url = f"http://localhost:{port}"
        self._opener = request.build_opener(request.HTTPCookieProcessor())

    def ask(self, path: str, fields: dict[str, str] | None = None) -> str:
        body = urlencode(fields).encode() if fields else None
        with self._opener.open(self._url + path, body, timeout=10) as answer:
            return str(answer.read().decode())

    def sign_in(self, email: str) -> None:
        token = re.search(r'name="form_token" value="([^"]+)"', self.ask("/signin"))
        assert token
        self.ask("/signin", {"form_token": token[1], "email": email, "password": PASSWORD})
        assert email in self.ask("/account")

    def devices(self) -> dict[str, str]:
        """Their ids, by name."""
        found = re.findall(r'<h2 id="device-([a-z2-7]+)">([^<]+)</h2>', self.ask("/cameras"))
        return {name: device for device, name in found}


@contextmanager
def portal(folder: Path, port: int) -> Iterator[str]:
    """What it says at its start; until the end of the block."""
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"DATABASE_URL": f"sqlite:///{folder}/portal.db", "PORTAL_BCRYPT_COST": "4"}
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "web.portal.development"], cwd=HERE, env=environment, stdout=file, stderr=file
        )
    try:
        wait_for(port, process, log)
        yield log.read_text()
    finally:
        process.terminate()
        assert process.wait(10) == 0
    until(lambda: not speaks_for(process.pid), "the sample device still speaks")
    assert "Traceback" not in log.read_text()


def until(done: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.2)


def speaks_for(parent: int) -> bool:
    """Whether a sample device is alive that ends with this process."""
    wanted = f"web.portal.sample_device\0{parent}\0".encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if wanted in path.read_bytes():
                return True
        except OSError:  # it has ended
            continue
    return False


def counts(folder: Path) -> dict[str, int]:
    with closing(sqlite3.connect(folder / "portal.db")) as database:
        names = set(Base.metadata.tables) - FLEETING
        return {name: database.execute(f"select count(*) from {name}").fetchone()[0] for name in names}  # noqa: S608


def test_it_starts_with_something_on_every_page_and_a_second_start_adds_nothing(tmp_path: Path) -> None:
    port = free_port()
    with portal(tmp_path, port) as said:
        assert f"portal on http://localhost:{port}" in said
        assert f"{OWNER}, password: {PASSWORD}" in said
        assert GUEST in said
        look_at_pages(Browser(port))
    first = counts(tmp_path)
    for table in ("cameras", "devices", "invitations", "journal_rows", "setting_edits", "shares", "users"):
        assert first[table] > 0, table
    with closing(sqlite3.connect(tmp_path / "portal.db")) as database:
        database.execute("update devices set seen_at = '2020-01-01 00:00:00.000000'")
        database.commit()
    with portal(tmp_path, port):
        owner = Browser(port)
        owner.sign_in(OWNER)
        until(lambda: "Online" in owner.ask("/cameras"), "no device says that it is there")
    assert counts(tmp_path) == first


def look_at_pages(owner: Browser) -> None:
    owner.sign_in(OWNER)
    cameras = owner.ask("/cameras")
    devices = owner.devices()
    assert set(devices) == {"House", "Holiday cottage"}
    assert cameras.count("Online") == cameras.count("Offline") == 1
    assert "Front door" in cameras
    people = owner.ask(f"/devices/{devices['House']}/people")
    assert GUEST in people
    assert INVITED in people
    assert "Nobody but you." in owner.ask(f"/devices/{devices['Holiday cottage']}/people")
    settings = owner.ask(f"/devices/{devices['Holiday cottage']}/settings")
    for found in ("Waits for the camera", "Winter garden", "Overtaken", "At home it was set to:", "Done"):
        assert found in settings, found
    assert "Viewers at once" in owner.ask(f"/devices/{devices['House']}/settings")
    look_at_journals(owner)


def look_at_journals(owner: Browser) -> None:
    journal = owner.ask("/journal")
    for whole in ("Whole up to row 11<", "Whole up to row 4<"):
        assert whole in journal
    for wrong in ("Broken", "still to come", "Refused from", "its clock was wrong"):
        assert wrong not in journal
    assert journal.count("data-row=") == 15
    guest = Browser(owner.port)
    guest.sign_in(GUEST)
    assert set(guest.devices()) == {"House"}
    assert guest.ask("/journal").count("data-row=") == 3
