"""The device's own half and the portal as a server, over sockets, on a MariaDB that may die."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from pi_cam import cli
from pi_cam.errors import PortalUnreachable
from pi_cam.journal import Journal
from pi_cam.journal.ledger import Ledger
from pi_cam.remote.journal_forward import NEVER, JournalForward
from pi_cam.remote.portal_client import PortalClient
from pi_cam.trust import portal_keys
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.pairing import Portal
from tests.portal import mariadb
from tests.portal.conftest import SECRET, Build
from tests.portal.mariadb import MariaDb
from tests.portal.post_office import PostOffice
from tests.portal.served import served
from tests.portal.speaking import CAMERAS, DESCRIBED
from tests.portal.visitor import Visitor
from tests.prerequisites import require
from web.portal import migrate
from web.portal.database import engine_for
from web.portal.devices.journal.models import JournalRow

ZOE = "zoe@example.org"
PRESENT: dict[str, Any] = {"version": "0.1.0", "public_name": None, "keys_version": 1, "cameras": CAMERAS}


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[MariaDb]:
    """One that may be stopped."""
    require("MariaDB (apt install mariadb-server-core)", mariadb.PROGRAM is not None)
    folder = tmp_path / "mariadb"
    folder.mkdir()
    with mariadb.running(folder) as server:
        engine = engine_for(server.create("portal"))
        migrate.up(engine)
        engine.dispose()
        yield server


class Device:
    """A journal that is being written to, its thread, its files, and the way to the portal."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.key = DeviceKey.load(folder)
        (folder / "secret.key").write_bytes(b"s" * 32)
        self.journal = Journal(Ledger(folder, b"s" * 32))
        self.journal.start()
        self.client = PortalClient(url, self.key)
        self.forward = JournalForward(self.journal, folder, self.key)
        self.portal: Portal

    def pair(self, zoe: Visitor) -> None:
        codes = self.client.authorize(DESCRIBED, "n1")
        code = codes["user_code"]
        assert zoe.post("/pair", code=code).status_code == 200
        assert zoe.send("POST", "/pair/claim", data={"form_token": zoe.token, "code": code}).status_code == 303
        told = self.client.poll(codes["device_code"]).body
        keys = portal_keys.parse(told["keys"])
        self.portal = Portal(self.client.address, told["owner"], keys, accepted=True, paired_at=time.time())
        self.forward.begin(self.portal)

    def speak(self) -> None:
        """One presence, and what follows it. Raises what the link would hear of."""
        answer = self.client.say("presence", {**PRESENT, "journal": self.forward.head(self.portal)})
        while self.forward.step(self.client, self.portal, answer) != NEVER:
            answer = {}


@contextmanager
def running(folder: Path, url: str) -> Iterator[Device]:
    folder.mkdir(exist_ok=True)
    device = Device(folder, url)
    try:
        yield device
    finally:
        device.journal.stop()


@pytest.fixture
def site(own_server: MariaDb, build: Build, office: PostOffice, tmp_path: Path) -> Iterator[str]:
    environment = {
        "DATABASE_URL": own_server.url("portal"),
        "PORTAL_SECRET_KEY": SECRET,
        "MAIL_URL": f"smtp://127.0.0.1:{office.port}",
    }
    with served(tmp_path / "portal.log", environment) as url:
        yield url


@pytest.fixture
def zoe(own_server: MariaDb, build: Build, office: PostOffice) -> Visitor:
    """At the same portal, without its server."""
    return Visitor(build(database_url=own_server.url("portal")), office).join(ZOE)


def rows(engine: Engine) -> int:
    with engine.connect() as connection:
        count: int = connection.execute(select(func.count()).select_from(JournalRow)).scalar_one()
    return count


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # PyMySQL leaves sockets to the collector
def test_the_database_goes_while_rows_come(
    site: str, zoe: Visitor, own_server: MariaDb, tmp_path: Path, how: signal.Signals
) -> None:
    """Nothing is half done, the device goes on, and sends the rest when it is back; each row once."""
    with running(tmp_path / "device", site) as device:
        device.pair(zoe)
        for number in range(900):
            device.journal.append("camera-changed", actor="Ada", number=number)
        device.journal.flush()
        killer = threading.Timer(0.25, own_server.stop, (how,))
        killer.start()
        with pytest.raises(PortalUnreachable):
            for _ in range(200):
                device.speak()
                device.journal.append("camera-changed", actor="Ada", number=-1)
        killer.join()
        device.journal.append("talked", actor="Ada", camera="main")
        with pytest.raises(PortalUnreachable, match="503"):
            device.speak()
        own_server.start()
        device.speak()
        newest = device.journal.last()[0]
        engine = engine_for(own_server.url("portal"))
        assert device.forward.state()["rows"] == rows(engine)
        engine.dispose()
        page = zoe.get("/journal").text
        assert f"Whole up to row {rows_of(device)}" in page
        assert rows_of(device) == newest - 1, "all but the row with which the journal began"
        assert "Refused from row" not in page


def rows_of(device: Device) -> int:
    count = device.forward.state()["rows"]
    assert isinstance(count, int)
    return count


def test_what_the_portal_gives_out_is_found_whole_at_home(
    site: str, zoe: Visitor, own_server: MariaDb, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, file = tmp_path / "device", tmp_path / "journal.jsonl"
    with running(folder, site) as device:
        device.pair(zoe)
        for number in range(250):
            device.journal.append("camera-changed", actor=f"Zoé {number}", camera="main", why="été")
        device.speak()
        # the page of this test has another name than the server that the device knows
        text = zoe.get("/journal/export?format=json").text.replace("https://portal.test", site)
        file.write_text(text)
        command = ["journal", "compare", "--data", str(folder), str(file)]
        assert cli.main(command) == 0
        assert capsys.readouterr().out == "The portal's copy is whole: rows 1 to 250, as this device sent them.\n"
        file.write_text("".join(text.splitlines(keepends=True)[:-2]))
        assert cli.main(command) == 1
        assert capsys.readouterr().err == "pi-cam: Rows 249 to 250 are missing in the portal's copy.\n"
        lines = [json.loads(line) for line in text.splitlines()]
        lines[100]["actor"] = "nobody"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert cli.main(command) == 1
        assert capsys.readouterr().err == "pi-cam: Row 100 was altered in the portal's copy.\n"
        assert cli.main([*command[:-1], str(tmp_path / "nothing")]) == 1
        assert "cannot be read" in capsys.readouterr().err


def test_ten_megabytes_are_refused_before_they_are_read(site: str) -> None:
    host, _, port = site.removeprefix("http://").partition(":")
    head = (
        f"POST /device/v1/journal HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        "Authorization: Bearer x\r\nContent-Length: 10000000\r\n\r\n"
    )
    for path, statuses in (("journal", (b"401",)), ("token", (b"413",))):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(head.replace("/journal", f"/{path}").encode() + b'{"rows": [')
            begun = time.monotonic()
            answer = connection.recv(4096)
            assert time.monotonic() - begun < 5
        assert answer.split(b" ")[1] in statuses
