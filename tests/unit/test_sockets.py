"""Sending to a page that may not read."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from pi_cam.api import sockets
from pi_cam.api.sockets import WholeSends

MESSAGE = bytes(range(256)) * 16_384


def test_a_message_leaves_whole_however_the_kernel_takes_it() -> None:
    ours, theirs = socket.socketpair()
    received = bytearray()

    def read() -> None:
        while piece := theirs.recv(65_536):
            received.extend(piece)

    with theirs:
        reader = threading.Thread(target=read)
        reader.start()
        with ours:
            assert WholeSends(ours).send(MESSAGE) == len(MESSAGE)
        reader.join()
    assert received == MESSAGE


def test_one_that_nobody_takes_fails_after_the_whole_time_and_not_a_multiple(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SEND_SECONDS", 0.2)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        began = time.monotonic()
        with pytest.raises(TimeoutError):  # part of it is in the kernel's buffers by then
            WholeSends(ours).send(MESSAGE)
        assert time.monotonic() - began < 0.39


def test_all_else_is_the_sockets_own() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"hello")
        assert WholeSends(ours).recv(10) == b"hello"
        assert WholeSends(ours).fileno() == ours.fileno()
