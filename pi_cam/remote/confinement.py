"""Runs a program in a unit of its own, with fewer rights, as if it were a child here. Run as a file, by either side:

    confinement.py outside SOCKET PROGRAM WORD...    the child of pi-cam: asks, passes on what is said, ends with its status
    confinement.py inside                            started by systemd for each connection (pi-cam-tunnel.socket), on stdin

The question is one line, a JSON array of the words. The answer is what the program says, then a NUL and its exit status.
When the outside ends, in whatever way, its connection does, and with it the program. The standard library alone, for a quick
start.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

LONGEST_QUESTION = 16_384
CHUNK = 65_536
QUESTION_SECONDS, GRACE_SECONDS = 5.0, 2.0
CANNOT_START = 126
"""As `leash` has it."""

SIGNALLED = 128
"""Added to the number of the signal that ended it, as a shell does."""


def outside(path: str, *words: str) -> int:
    """Asks, and passes on; the status is that of the program, or `CANNOT_START` where nobody answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        # Ending is asked for by ending what we say: the program takes its leave, and says so.
        signal.signal(signal.SIGTERM, lambda *_: _end_of_words(connection))
        try:
            connection.connect(path)
            connection.sendall(json.dumps(words).encode() + b"\n")
            return _pass_on(connection)
        except OSError:
            return CANNOT_START


def _pass_on(connection: socket.socket) -> int:
    status = b""
    ending = False
    while said := connection.recv(CHUNK):
        text, mark, rest = (b"", b"", said) if ending else said.partition(b"\0")
        ending = ending or bool(mark)
        status += rest if ending else b""
        os.write(1, text)
    return int(status) if status.isdigit() else CANNOT_START


def _end_of_words(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def inside() -> int:
    """Serves the one connection that is standard input."""
    with socket.socket(fileno=0) as connection:
        words = _question(connection)
        status = _run(connection, words) if words else CANNOT_START
        with contextlib.suppress(OSError):
            connection.sendall(b"\0%d" % status)
    return 0


def _question(connection: socket.socket) -> list[str]:
    """The words; none for what is no question."""
    connection.settimeout(QUESTION_SECONDS)
    asked = b""
    with contextlib.suppress(OSError, ValueError):
        while not asked.endswith(b"\n") and len(asked) < LONGEST_QUESTION:
            got = connection.recv(LONGEST_QUESTION - len(asked))
            if not got:
                return []
            asked += got
        words = json.loads(asked)
        if isinstance(words, list) and all(isinstance(word, str) and "\0" not in word for word in words):
            return words
    return []


def _run(connection: socket.socket, words: list[str]) -> int:
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": os.getcwd(), "LANG": "C.UTF-8"}
    try:
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
        )
    except OSError:
        return CANNOT_START
    with child:
        assert child.stdout is not None  # noqa: S101 - it was opened with a pipe
        with contextlib.suppress(OSError):  # who does not listen any more has ended
            _relay(connection, child, child.stdout.fileno())
        status = _end(child)
    return status if status >= 0 else SIGNALLED - status


def _relay(connection: socket.socket, child: subprocess.Popen[bytes], pipe: int) -> None:
    """Until the program has said all, or takes too long over its leave."""
    connection.settimeout(QUESTION_SECONDS)
    deadline = None
    heard: list[int] = [pipe, connection.fileno()]
    while deadline is None or time.monotonic() < deadline:
        ready, _, _ = select.select(heard, [], [], None if deadline is None else max(0.0, deadline - time.monotonic()))
        if pipe in ready:
            said = os.read(pipe, CHUNK)
            if not said:
                return
            connection.sendall(said.replace(b"\0", b"?"))
        if connection.fileno() in ready and not connection.recv(CHUNK):
            heard.remove(connection.fileno())
            deadline = time.monotonic() + GRACE_SECONDS
            child.terminate()


def _end(child: subprocess.Popen[bytes]) -> int:
    """Its status; when it does not end it is asked to, and then made to."""
    for ask in (child.poll, child.terminate, child.kill):
        ask()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(GRACE_SECONDS)
    return child.wait()


if __name__ == "__main__":
    sys.exit(inside() if sys.argv[1:] == ["inside"] else outside(*sys.argv[2:]))
