"""`pi-cam serve` under a service manager: it says that it is there, that it lives, and that it ends."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import serving

PERIOD_SECONDS = 4.0


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(PERIOD_SECONDS)
        yield ear


@pytest.mark.parametrize("listen", ["127.0.0.1", "0.0.0.0"], ids=["plain", "tls"])
def test_it_is_fed_while_it_serves_and_not_while_it_is_held(ear: socket.socket, tmp_path: Path, listen: str) -> None:
    environment = {"NOTIFY_SOCKET": ear.getsockname(), "WATCHDOG_USEC": str(int(PERIOD_SECONDS * 1e6))}
    with serving(
        tmp_path / "data", "synthetic:", owner=True, environment=environment, listen=listen, tunnel=True
    ) as server:
        assert ear.recv(4096).startswith(b"READY=1\n"), "and gunicorn did not say so before"
        assert [ear.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        worker = server.processes()[1]
        os.kill(worker, signal.SIGSTOP)
        try:
            with pytest.raises(TimeoutError):
                while True:
                    assert ear.recv(4096) == b"WATCHDOG=1"
        finally:
            os.kill(worker, signal.SIGCONT)
    said: list[bytes] = []
    while not (said and said[-1].startswith(b"STOPPING=1\n")):
        said.append(ear.recv(4096))
