"""A camera that runs but serves nobody is not alive."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from math import inf
from types import SimpleNamespace
from typing import Any

import pytest

from pi_cam import signs_of_life
from pi_cam.loop import Loop
from pi_cam.signs_of_life import HELD_SECONDS, listener_answers, media_loop_turns, no_driver_hangs

LOOPBACK = "127.0.0.1"


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    loop.start()
    yield loop
    loop.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signs_of_life, "ANSWER_SECONDS", 0.2)


def test_a_loop_that_turns(loop: Loop) -> None:
    assert media_loop_turns(loop) is None


def test_a_loop_that_is_held(loop: Loop) -> None:
    release = threading.Event()
    loop.post(release.wait)
    assert media_loop_turns(loop) == "The media loop does not answer."
    release.set()
    loop.call(asyncio.sleep(0))
    assert media_loop_turns(loop) is None


def test_a_loop_that_has_ended(loop: Loop) -> None:
    loop.stop()
    assert media_loop_turns(loop) is not None


def answering(said: bytes | None) -> tuple[socket.socket, int]:
    """Listens, and answers the first who comes; None: it says nothing."""
    listener = socket.create_server((LOOPBACK, 0))

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            if said is not None:
                client.recv(1000)
                client.sendall(said)
            else:
                client.recv(1000)
                client.recv(1000)  # until the other side gives up

    threading.Thread(target=serve, daemon=True).start()
    return listener, listener.getsockname()[1]


@pytest.mark.parametrize(
    ("said", "well"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", False),
        (b"nonsense\r\n\r\n", False),
        (b"", False),
        (None, False),
    ],
    ids=["well", "busy", "nonsense", "nothing", "silent"],
)
def test_a_listener(said: bytes | None, well: bool) -> None:
    listener, port = answering(said)
    with listener:
        assert listener_answers(LOOPBACK, port, False) == (None if well else f"Port {port} does not answer.")


def test_a_port_at_which_nobody_listens() -> None:
    with socket.create_server((LOOPBACK, 0)) as once:
        port = once.getsockname()[1]
    assert listener_answers(LOOPBACK, port, False) is not None
    assert listener_answers(LOOPBACK, port, True) is not None


class Driven:
    """A source with a driver."""

    def __init__(self, beat: float) -> None:
        self._beat = beat

    def beat(self) -> float:
        return self._beat


def hub(source: object) -> Any:
    return SimpleNamespace(source=source)


def test_drivers() -> None:
    now = time.monotonic()

    def look(*sources: object) -> str | None:
        return no_driver_hangs([hub(source) for source in sources], lambda: now)

    assert look() is None
    assert look(object(), Driven(inf), Driven(now), Driven(now - HELD_SECONDS + 1)) is None
    assert look(Driven(now), Driven(now - HELD_SECONDS - 1)) == "The driver of the camera does not come back."
