"""The product itself, run as a person runs it."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests import process_figures

OWNER = "Ada"
PASSWORD = "a green door behind the house"
START_SECONDS = 20.0

QUIET = {"PI_CAM_ANNOUNCE": "no", "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
"""This machine's own avahi, if it has one, would tell the home's real network, and its clock is not ours to set."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A running `pi-cam serve`."""

    url: str
    setup_code: str | None
    data: Path
    process: subprocess.Popen[str]
    log: Path
    tunnel_url: str | None = None

    def trust(self) -> ssl.SSLContext | None:
        """What a client needs that trusts the camera's authority; None without TLS."""
        if not self.url.startswith("https"):
            return None
        return ssl.create_default_context(cafile=str(self.data / "tls/ca.crt"))

    def through_tunnel(self) -> Server:
        """The same server, as who comes through the tunnel finds it."""
        assert self.tunnel_url is not None
        return replace(self, url=self.tunnel_url)

    def address(self) -> tuple[str, int]:
        """For a socket."""
        place = urlsplit(self.url)
        assert place.hostname is not None
        assert place.port is not None
        return place.hostname, place.port

    def token(self, can: str = "view,control", name: str | None = None) -> str:
        return pi_cam("token", "create", "--data", self.data, "--name", name or f"test {time.time_ns()}", "--can", can)

    def request(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        return request(self.url, method, path, token=token, body=body, headers=headers, trust=self.trust())

    def camera(self, token: str) -> dict[str, Any]:
        found: dict[str, Any] = self.request("GET", "/api/v1/cameras/main", token=token).json()
        return found

    def wait_for(self, token: str, *states: str, seconds: float = 10.0) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            camera = self.camera(token)
            if camera["state"] in states:
                return camera
            time.sleep(0.05)
        raise AssertionError(f"state {camera['state']} ({camera['trouble']}), not {states}, after {seconds} s")

    def processes(self) -> list[int]:
        """The server's own process and all below it."""
        return process_figures.tree(self.process.pid)

    def threads(self) -> int:
        return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in self.processes())

    def cpu_seconds(self) -> float:
        """Exact, of all threads that live now."""
        return process_figures.cpu_seconds(self.process.pid)

    def cpu_percent(self, seconds: float) -> float:
        """Percent of one core over the next seconds."""
        before, began = self.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        return (self.cpu_seconds() - before) / (time.monotonic() - began) * 100

    def pss_bytes(self) -> int:
        """Memory of the process tree; shared pages count once."""
        return process_figures.pss_bytes(self.process.pid)

    def own_bytes(self) -> int:
        """Memory that belongs to the process tree alone: no file's pages, which other programs' runs make look smaller."""
        return process_figures.own_bytes(self.process.pid)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


def request(
    url: str,
    method: str,
    path: str,
    *,
    token: str | None = None,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    trust: ssl.SSLContext | None = None,
    seconds: float = 15,
) -> Answer:
    """One request, redirects not followed."""
    asked = urllib.request.Request(url + path, data=body, method=method, headers=headers or {})  # noqa: S310 - our own server
    if token:
        asked.add_header("Authorization", f"Bearer {token}")
    try:
        opener = (
            urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=trust)) if trust else _OPENER
        )
        with opener.open(asked, timeout=seconds) as answer:
            return Answer(answer.status, answer.read(), dict(answer.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(), dict(error.headers))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def pi_cam(*arguments: str | Path, stdin: str | None = None) -> str:
    """Runs one command; its standard output without the last line end."""
    done = subprocess.run(
        [sys.executable, "-m", "pi_cam.cli", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.rstrip("\n")


@contextmanager
def serving(
    data: Path,
    source: str,
    *,
    owner: bool = False,
    environment: dict[str, str] | None = None,
    port: int = 0,
    listen: str = "127.0.0.1",
    tunnel: bool = False,
    module: str = "pi_cam.cli",
) -> Iterator[Server]:
    """`pi-cam serve` on a free port. At the end it is stopped, and must have ended well and without a traceback."""
    if owner and not (data / "pi-cam.db").exists():
        pi_cam("owner", "set", "--data", data, "--name", OWNER, stdin=PASSWORD + "\n")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = data / "test-stderr.log"
    command = [
        sys.executable,
        "-m",
        module,
        "serve",
        "--data",
        str(data),
        "--port",
        str(port),
        "--source",
        source,
        "--listen",
        listen,
        *(["--tunnel-port", "0"] if tunnel else []),
    ]
    with log.open("a") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **QUIET, **(environment or {})},
        )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert first.startswith("ready "), f"no ready line: {first!r} {log.read_text()}"
        code = None if owner else process.stdout.readline().removeprefix("setup-code ").strip()
        outside = process.stdout.readline().removeprefix("tunnel ").strip() if tunnel else None
        server = Server(first.removeprefix("ready ").strip(), code, data, process, log, outside)
        yield server
        status = server.stop()
        assert status == 0, log.read_text()
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        process.stdout.close()
        if process.poll() is None:
            process.kill()
        process.wait()
