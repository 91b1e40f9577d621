"""What systemd hears, and what it does not hear when something is wrong."""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_cam.watchdog import Manager, Watchdog

SECONDS = 5.0
READY = "READY=1\nSTATUS=The camera serves."
FED = "WATCHDOG=1"


class Ear:
    """systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(SECONDS)

    def hear(self) -> str:
        return self.socket.recv(4096).decode()

    def nothing(self) -> bool:
        readable, _, _ = select.select([self.socket], [], [], 0)
        return not readable


@pytest.fixture(params=["file", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "file" else f"@pi-cam-test-{tmp_path}"


@pytest.fixture
def ear(address: str) -> Iterator[Ear]:
    ear = Ear(address)
    yield ear
    ear.socket.close()


def test_it_says_that_it_serves_lives_and_ends(address: str, ear: Ear) -> None:
    dog = Watchdog(Manager(address, 0.04), [lambda: None])
    dog.start()
    assert [ear.hear() for _ in range(4)] == [READY, FED, FED, FED]
    dog.stop()
    while (said := ear.hear()) == FED:
        pass
    assert said == "STOPPING=1\nSTATUS=The camera ends."
    assert ear.nothing()
    assert "watchdog" not in {thread.name for thread in threading.enumerate()}


def test_without_a_period_nobody_looks(address: str, ear: Ear) -> None:
    dog = Watchdog(Manager(address), [lambda: pytest.fail("looked")])
    dog.start()
    assert ear.hear() == READY
    assert "watchdog" not in {thread.name for thread in threading.enumerate()}
    dog.stop()


def test_while_something_is_wrong_it_is_not_fed(address: str, ear: Ear, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pi_cam.watchdog")
    found: list[str | None] = [None, "stuck", "stuck", None]
    dog = Watchdog(Manager(address, 30), [lambda: None, lambda: found.pop(0)])
    dog.look()
    assert (ear.hear(), dog.state()) == (FED, {"trouble": None})
    dog.look()
    assert (ear.hear(), dog.state()) == ("STATUS=stuck", {"trouble": "stuck"})
    dog.look()
    assert ear.nothing()
    dog.look()
    assert [ear.hear(), ear.hear()] == [FED, "STATUS=The camera serves."]
    assert [record.message for record in caplog.records if record.name == "pi_cam.watchdog"] == [
        "stuck",
        "all is well again",
    ]


def test_the_environment_is_taken() -> None:
    environment = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7", "HOME": "/"}
    manager = Manager.take(environment)
    assert (manager.period, environment) == (30.0, {"HOME": "/"})


@pytest.mark.parametrize("said", ["", "0", "-1", "1e9", "soon", "²"])
def test_a_period_that_is_none(said: str) -> None:
    assert Manager.take({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": said}).period is None


def test_where_there_is_no_manager_nothing_happens(tmp_path: Path) -> None:
    assert Manager.take({"WATCHDOG_USEC": "30000000"}).period is None
    for manager in (Manager(), Manager(str(tmp_path / "nobody"), 1), Manager("x" * 200, 1)):
        manager.tell(READY=1)


def test_a_manager_that_does_not_read_holds_nobody(address: str, ear: Ear) -> None:
    manager = Manager(address, 1)
    for _ in range(2_000):
        manager.tell(WATCHDOG=1)
