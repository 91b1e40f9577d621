"""A program that another process runs for this one: what it says, how it ends, and that it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_cam.remote import confinement

SCRIPT = confinement.__file__


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Path]:
    """Does what systemd does for a socket with Accept=yes."""
    path = tmp_path / "door"
    started: list[subprocess.Popen[bytes]] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    command = [sys.executable, "-I", "-S", SCRIPT, "inside"]
                    started.append(subprocess.Popen(command, stdin=connection.fileno(), cwd=tmp_path))

        thread = threading.Thread(target=accept)
        thread.start()
        yield path
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for process in started:
        assert process.wait(10) == 0


def asked(door: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", SCRIPT, "outside", str(door), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def said(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    text, _ = process.communicate(timeout=20)
    return process.returncode, text


def gone(number: int) -> bool:
    deadline = time.monotonic() + 10
    while Path(f"/proc/{number}").exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_what_it_says_and_how_it_ends_are_passed_on(door: Path) -> None:
    assert said(asked(door, "/bin/sh", "-c", "echo one; echo two >&2; exit 7")) == (7, b"one\ntwo\n")
    assert said(asked(door, "/bin/sh", "-c", "kill -KILL $$")) == (128 + 9, b"")


def test_words_arrive_as_they_are(door: Path) -> None:
    word = 'a "b" $(c) \n é 🎥'
    assert said(asked(door, "/bin/sh", "-c", 'printf %s "$1"', "sh", word)) == (0, word.encode())


def test_it_cannot_forge_its_end(door: Path) -> None:
    assert said(asked(door, "/bin/sh", "-c", r"printf '\0000\0005'; sleep 0.2; exit 3")) == (3, b"?0?5")


def test_much_that_it_says(door: Path) -> None:
    status, text = said(asked(door, sys.executable, "-c", "print('x' * 3_000_000)"))
    assert (status, len(text)) == (0, 3_000_001)


def test_nothing_of_this_environment_reaches_it(door: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNNEL_TOKEN", "secret")
    status, text = said(asked(door, "/usr/bin/env"))
    assert (status, b"TUNNEL" in text) == (0, False)


def test_it_takes_its_leave_when_it_is_asked_to(door: Path) -> None:
    process = asked(door, "/bin/sh", "-c", "trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.05; done")
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGTERM)
    assert said(process) == (4, b"bye\n")


@pytest.mark.parametrize("trap", ["", "trap '' TERM; "])
def test_it_ends_with_whoever_asked(door: Path, trap: str) -> None:
    process = asked(door, "/bin/sh", "-c", f"{trap}echo $$; while :; do sleep 0.05; done")
    assert process.stdout is not None
    number = int(process.stdout.readline())
    process.kill()
    process.communicate()
    assert gone(number)


def test_nobody_answers(tmp_path: Path) -> None:
    assert said(asked(tmp_path / "nowhere", "/bin/true")) == (confinement.CANNOT_START, b"")


def test_no_such_program(door: Path) -> None:
    assert said(asked(door, "/nowhere/cloudflared")) == (confinement.CANNOT_START, b"")


@pytest.mark.parametrize(
    "question", [b"", b"\n", b"{}\n", b"[1]\n", b"[]\n", b'["\\u0000"]\n', b"x" * 16_384, b"\xff\n"]
)
def test_what_is_no_question(door: Path, question: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(door))
        connection.sendall(question)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(100), b""))
    assert answer == b"\0%d" % confinement.CANNOT_START


def test_it_has_no_more_than_its_three_files(door: Path) -> None:
    listing = json.dumps(sorted(os.listdir("/proc/self/fd")))  # what is open here has no part in it
    status, text = said(asked(door, "/bin/ls", "/proc/self/fd"))
    assert (status, text.split()) == (0, [b"0", b"1", b"2", b"3"]), listing
