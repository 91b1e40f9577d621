"""A small Internet in network namespaces: a browser's network and this one, which reach a TURN server between them and not
each other, unless `route_directly` is called.

    this namespace 198.51.100.2 ── 198.51.100.1 the Internet (TURN: 192.0.2.1) 203.0.113.1 ── 203.0.113.2 the browser's

Web pages pass by Unix sockets, which know no namespace: the tunnel's far end and the portal are reached under the same ports
of loopback as here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parents[1]
CONFIGURATION = HERE / "deploy/coturn/turnserver.conf"
TURNSERVER = shutil.which("turnserver") or "/usr/bin/turnserver"
SECRET = "kQ7vN2xRz4LmWp9TfYbC3hJd6GsUe8oAi5Bt"
TURN = "192.0.2.1"
DEVICE = "198.51.100.2"
URLS = f"turn:{TURN}:3478?transport=udp turn:{TURN}:3478?transport=tcp"
START_SECONDS = 10.0


@dataclass
class FarSide:
    """`internet`, `browsers`: processes that hold the two namespaces."""

    folder: Path
    internet: int
    browsers: int

    def program(self, path: str) -> Path:
        """A program that runs the one at `path` in the browser's network."""
        script = self.folder / f"there-{Path(path).name}"
        script.write_text(f'#!/bin/sh\nexec nsenter --net=/proc/{self.browsers}/ns/net {path} "$@"\n')
        script.chmod(0o755)
        return script

    def there(self, *command: str) -> list[str]:
        """The same command, run in the browser's network."""
        return _inside([*command], self.browsers)

    def route_directly(self) -> None:
        """From now on the two reach each other without the TURN server, too."""
        _run("ip route replace 203.0.113.0/24 via 198.51.100.1")
        done = subprocess.run(
            _inside(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"], self.internet), check=False, timeout=10
        )
        assert done.returncode == 0

    @contextmanager
    def turn_server(self, *changes: tuple[str, str], port: int = 3478) -> Iterator[Path]:
        """coturn, configured as it is shipped, but for what a person changes and `changes`; its log."""
        text = CONFIGURATION.read_text("utf-8")
        own = [("static-auth-secret=change-me", f"static-auth-secret={SECRET}"), *_without_tls(text), *changes]
        own.append(("\nsyslog\n", "\n"))
        for before, after in own:
            assert before in text, before
            text = text.replace(before, after)
        configuration, log = self.folder / "turnserver.conf", self.folder / "turnserver.log"
        configuration.write_text(text)
        more = ["--userdb", str(self.folder / "turndb"), "--pidfile", str(self.folder / "turn.pid")]
        more += ["--log-file", str(log), "--simple-log"]
        with _running([TURNSERVER, "-c", str(configuration), *more], self.internet):
            _wait_until(lambda: _answers(self.internet, port), "the TURN server does not listen")
            yield log

    @contextmanager
    def passage(self, *ports: int) -> Iterator[None]:
        """These ports of our loopback are reached on the browser's, too."""
        pairs = [word for port in ports for word in (str(self.folder / f"{port}.sock"), str(port))]
        passage = [sys.executable, "-m", "tests.passage"]
        with ExitStack() as stack:
            stack.enter_context(_running([*passage, "here", *pairs]))
            _wait_until(lambda: all(Path(path).exists() for path in pairs[::2]), "no passage")
            stack.enter_context(_running([*passage, "there", *pairs], self.browsers))
            _wait_until(lambda: all(_listens(self.browsers, port) for port in ports), "no passage on the other side")
            yield


@contextmanager
def far_side(folder: Path) -> Iterator[FarSide]:
    """Until the end of the block. This process is in a namespace of its own already (`tests.network`)."""
    with holder() as internet, holder() as browsers:
        _run(f"ip link add home0 type veth peer name home1 netns {internet}")
        _run("ip address add 198.51.100.2/24 dev home0")
        _run("ip link set home0 up")
        for command in ("ip link set lo up", f"ip address add {TURN}/32 dev lo"):
            _run(command, internet)
        _run("ip address add 198.51.100.1/24 dev home1", internet)
        _run("ip link set home1 up", internet)
        _run(f"ip link add far0 type veth peer name far1 netns {browsers}", internet)
        _run("ip address add 203.0.113.1/24 dev far0", internet)
        _run("ip link set far0 up", internet)
        _run("ip link set lo up", browsers)
        _run("ip address add 203.0.113.2/24 dev far1", browsers)
        _run("ip link set far1 up", browsers)
        _run("ip route add default via 203.0.113.1", browsers)
        _run(f"ip route add {TURN}/32 via 198.51.100.1")
        try:
            yield FarSide(folder, internet, browsers)
        finally:
            _run("ip link delete home0")  # the kernel takes its time with what the other namespaces had


def _without_tls(text: str) -> list[tuple[str, str]]:
    return [(line, "#" + line) for line in text.splitlines() if line.startswith(("cert=", "pkey="))]


@contextmanager
def holder() -> Iterator[int]:
    """A process in a network namespace of its own; the namespace lives as long as it."""
    own = os.readlink("/proc/self/ns/net")
    with _running(["unshare", "--net", "sleep", "600"]) as pid:
        _wait_until(lambda: os.readlink(f"/proc/{pid}/ns/net") != own, "no second network namespace")
        yield pid


@contextmanager
def _running(command: list[str], namespace: int | None = None) -> Iterator[int]:
    process = subprocess.Popen(
        _inside(command, namespace), cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _run(command: str, namespace: int | None = None) -> str:
    done = subprocess.run(_inside(command.split(), namespace), capture_output=True, text=True, check=False, timeout=10)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def _inside(command: list[str], namespace: int | None) -> list[str]:
    return command if namespace is None else ["nsenter", f"--net=/proc/{namespace}/ns/net", *command]


def _answers(namespace: int, port: int) -> bool:
    return f":{port:04X} " in Path(f"/proc/{namespace}/net/udp").read_text()


def _listens(namespace: int, port: int) -> bool:
    return f":{port:04X} 00000000:0000 0A" in Path(f"/proc/{namespace}/net/tcp").read_text()


def _wait_until(condition: Callable[[], bool], sentence: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline, sentence
        time.sleep(0.02)
