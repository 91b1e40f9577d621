"""The helper's door for the camera, and the camera's side of it, by a real socket; no radio is needed to be refused."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.setup_wizard.hotspot import Hotspot
from pi_cam.setup_wizard.network import NO_RADIO, Networks
from pi_cam.setup_wizard.wifi import WifiError, WifiState
from pi_cam.setup_wizard.wifi_client import NO_ANSWER, NO_HELPER, WifiClient
from pi_cam.setup_wizard.wifi_keeper import Keeper
from pi_cam.setup_wizard.wifi_requests import LINE_BYTES_MAX, NOT_UNDERSTOOD, Requests


async def nothing(_wanted: bool) -> None: ...


def requests(allowed: Collection[int]) -> Requests:
    return Requests(Keeper(Networks(), Hotspot(lambda: 0.0), "Camera-TEST", nothing), allowed)


@contextmanager
def served(path: Path, allowed: Collection[int]) -> Iterator[None]:
    loop = asyncio.new_event_loop()

    async def begin() -> asyncio.Server:
        return await asyncio.start_unix_server(requests(allowed).meet, path, limit=LINE_BYTES_MAX)

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(5)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(ended(server), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def ended(server: asyncio.Server) -> None:
    server.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    with served(tmp_path / "control", [os.getuid()]):
        yield tmp_path / "control"


def test_without_a_radio_it_is_absent_and_nothing_can_be_joined(path: Path) -> None:
    client = WifiClient(path)
    assert client.state() == WifiState("absent")
    assert client.networks() == []
    with pytest.raises(WifiError) as caught:
        client.join("Home", "a good password")
    assert str(caught.value) == NO_RADIO
    with pytest.raises(WifiError):
        client.hotspot()


def test_without_a_helper_it_is_absent(tmp_path: Path) -> None:
    client = WifiClient(tmp_path / "none")
    assert client.state() == WifiState("absent")
    with pytest.raises(WifiError) as caught:
        client.networks()
    assert str(caught.value) == NO_HELPER


def test_another_user_is_not_heard(tmp_path: Path) -> None:
    with served(tmp_path / "control", [os.getuid() + 1]):
        with pytest.raises(WifiError) as caught:
            WifiClient(tmp_path / "control").networks()
        assert str(caught.value) == NO_ANSWER


def test_a_long_line_ends_the_connection(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(b"x" * (2 * LINE_BYTES_MAX))
        with pytest.raises(ConnectionResetError):
            while connection.recv(1000):
                pass
            raise ConnectionResetError  # closed in peace: as good
    assert WifiClient(path).state().phase == "absent"


def test_several_requests_on_one_connection(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(b'{"verb":"state"}\nnonsense\n')
        lines = connection.makefile().readline, connection.makefile().readline
        assert json.loads(lines[0]())["state"]["phase"] == "absent"


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"[]",
        b'{"verb": "reboot"}',
        b'{"verb": ["join"]}',
        b'{"verb": "state", "more": 1}',
        b'{"verb": "join"}',
        b'{"verb": "join", "ssid": 7}',
        b'{"verb": "join", "ssid": "x", "passphrase": true}',
        b'{"verb": "join", "ssid": "x", "hidden": "yes"}',
        b'{"verb": "join", "ssid": "x", "psk": "y"}',
        b'{"verb": "forget", "ssid": null}',
        b"[" * 4000,
        b"\xff\xfe",
    ],
)
def test_what_makes_no_sense(request_: bytes) -> None:
    assert asyncio.run(requests([]).answer(request_)) == {"error": NOT_UNDERSTOOD}


@given(
    st.binary()
    | st.recursive(st.none() | st.text() | st.integers(), lambda one: st.dictionaries(st.text(), one)).map(
        lambda one: json.dumps(one).encode()
    )
)
def test_anything_has_an_answer(line: bytes) -> None:
    json.dumps(asyncio.run(requests([]).answer(line)))


@pytest.mark.parametrize("said", [b"", b"nonsense\n", b"[1]\n", b'{"state": 3}\n', b'{"error": "Not now."}\n'])
def test_a_helper_that_talks_nonsense(tmp_path: Path, said: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "control"))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(WifiError):
            WifiClient(tmp_path / "control", seconds=5).state()
        thread.join(5)
