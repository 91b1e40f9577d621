"""The journal and the settings of the running product."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import network
from tests.integration.test_server import watch
from tests.live_page import LivePage, until
from tests.peer import WhepPeer
from tests.prerequisites import require
from tests.server import Server, pi_cam, serving

SOURCE = "synthetic:?size=320x240&fps=15"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("journal"), SOURCE, owner=True) as server:
        yield server


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return server.token("view,control,configure", name="reader")


def rows(server: Server, token: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.request("GET", f"/api/v1/journal{query}", token=token).json()["rows"]
    return found


def test_who_watched_from_where_and_how_long(server: Server, token: str) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)

    async def run() -> None:
        async with WhepPeer(server, token) as peer:
            await peer.until(lambda: len(peer.pictures) >= 15)
            await peer.leave()

    asyncio.run(run())
    stopped, watched = rows(server, token)[:2]
    for row, action in ((watched, "watched"), (stopped, "stopped-watching")):
        assert (row["action"], row["actor"], row["camera"]) == (action, "token reader", "main")
        assert (row["address"], row["detail"]["transport"]) == ("127.0.0.1", "webrtc")
    assert 0.5 < stopped["detail"]["seconds"] < 30
    assert stopped["detail"]["why"] == "goodbye"
    assert stopped["at"] == pytest.approx(time.time(), abs=30)


def test_who_listened_is_written_down_and_only_who_could(server: Server) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    reader = server.token("configure", name="reader of sound")

    async def run(token: str, audio: bool, enough: Callable[[WhepPeer], bool]) -> None:
        async with WhepPeer(server, token, audio=audio) as peer:
            await peer.until(lambda: enough(peer))
            await peer.leave()

    may, may_not = server.token("view,listen", name="ear"), server.token("view", name="eye")
    asyncio.run(run(may_not, True, lambda peer: len(peer.pictures) >= 15))
    asyncio.run(run(may, False, lambda peer: len(peer.pictures) >= 15))
    assert rows(server, reader, "?action=listened") == []
    asyncio.run(run(may, True, lambda peer: len(peer.sound) >= 25))
    (heard,) = rows(server, reader, "?action=listened")
    assert (heard["actor"], heard["camera"], heard["address"]) == ("token ear", "main", "127.0.0.1")
    assert heard["detail"]["transport"] == "webrtc"


def test_a_page_is_written_down_as_a_player_is(server: Server, token: str) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)

    async def run() -> None:
        with LivePage(server, token) as page:
            connection = await watch(page)
            await connection.close()

    asyncio.run(run())
    until(lambda: rows(server, token)[0]["action"] == "stopped-watching")
    watched = rows(server, token)[1]
    assert (watched["action"], watched["actor"], watched["address"]) == ("watched", "token reader", "127.0.0.1")


def test_who_may_not_watch_is_written_down(server: Server, token: str) -> None:
    with LivePage(server, server.token("control", name="no view")) as page:
        until(lambda: page.closed_at is not None)
    (row,) = rows(server, token, "?action=refused&actor=token%20no%20view")
    assert (row["camera"], row["detail"]["why"]) == ("main", "This needs the right to view.")


def test_the_command_line_writes_beside_the_server_and_the_chain_holds(server: Server, token: str) -> None:
    def write(number: int) -> None:
        pi_cam("token", "create", "--data", server.data, "--name", f"beside {number}", "--can", "view")
        server.request("POST", "/api/v1/cameras/main/start", token=token)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(8)))
    rows(server, token)
    assert pi_cam("journal", "verify", "--data", server.data).startswith("The journal is whole: ")
    created = rows(server, token, "?action=token-created&actor=command%20line")
    assert {f"beside {number}" for number in range(8)} <= {row["detail"]["name"] for row in created}


def test_a_restart_stands_there_and_a_sudden_death_breaks_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, SOURCE, owner=True) as server:
        token = server.token("configure")
        patched = server.request(
            "PATCH",
            "/api/v1/settings",
            token=token,
            body=b'{"viewers_max": 2, "grace_seconds": 1}',
            headers={"Content-Type": "application/json"},
        )
        assert patched.status == 200
    with serving(tmp_path, SOURCE, owner=True) as server:
        values = {row["name"]: row for row in server.request("GET", "/api/v1/settings", token=token).json()["settings"]}
        assert (values["viewers_max"]["value"], values["grace_seconds"]["waiting"]) == (2, False)
        told = [row["action"] for row in rows(server, token)]
        assert told[:4] == ["device-started", "device-stopped", "setting-changed", "setting-changed"]
        for process in server.processes():  # the one that would start the others anew goes first
            subprocess.run(["kill", "-9", str(process)], check=False)
        server.process.wait()
        server.process.returncode = 0  # the end that this test is about
    with serving(tmp_path, SOURCE, owner=True) as server:
        assert [row["action"] for row in rows(server, token)][:2] == ["device-started", "device-started"]
    assert pi_cam("journal", "verify", "--data", tmp_path).startswith("The journal is whole")


def test_ctrl_c_is_a_goodbye_too(tmp_path: Path) -> None:
    with serving(tmp_path, SOURCE, owner=True) as server:
        token = server.token("configure")
        for process in server.processes():  # as a terminal does: to each
            subprocess.run(["kill", "-INT", str(process)], check=True)
        assert server.process.wait(10) == 0
    with serving(tmp_path, SOURCE, owner=True) as server:
        assert [row["action"] for row in rows(server, token)][:2] == ["device-started", "device-stopped"]


def test_a_row_that_was_altered_is_named_beside_the_running_server(tmp_path: Path) -> None:
    with serving(tmp_path, SOURCE, owner=True):
        with closing(sqlite3.connect(tmp_path / "journal.db")) as opened, opened:
            opened.execute("UPDATE rows SET actor = 'Eve' WHERE id = 2")
        done = subprocess.run(
            [sys.executable, "-m", "pi_cam.cli", "journal", "verify", "--data", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "pi-cam: Row 2 was altered.\n")


def test_a_damaged_database_at_the_start_is_told_and_the_owner_stays(tmp_path: Path) -> None:
    with serving(tmp_path, SOURCE, owner=True) as server:
        token = server.token("configure,view,control")
        assert server.request("POST", "/api/v1/cameras/main/stop", token=token).status == 200
    (tmp_path / "pi-cam.db").write_bytes(b"a letter" * 1000)
    (tmp_path / "settings.json").write_text("{")
    with serving(tmp_path, SOURCE, owner=True) as server:  # no setup code: nobody else becomes the owner
        assert server.camera(token)["state"] == "stopped"  # as a person left it
        told = rows(server, token)
        assert "database-restored" in [row["action"] for row in told]
        problems = server.request("GET", "/api/v1/settings", token=token).json()["problems"]
        assert problems == ["settings.json is not JSON: the defaults are used."]
    log = (tmp_path / "test-stderr.log").read_text()
    assert "the database was damaged" in log
    assert all(json.loads(line) for line in log.splitlines())


def test_sigterm_is_as_quick_as_before(server: Server) -> None:
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 0
    assert time.monotonic() - began < 2
