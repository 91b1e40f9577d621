"""Starts and stops `rtsp_server.py`, a real RTSP camera, as a process of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.prerequisites import require

SERVER = Path(__file__).resolve().parent / "rtsp_server.py"


class RtspServer:
    """The server as a process that can be stopped, killed and started again on its port."""

    def __init__(self, clip: Path, *options: str, within: Sequence[str] = (), address: str = "127.0.0.1") -> None:
        self._within = list(within)
        self._address = address
        self._arguments = ["--clip", str(clip), "--address", address, *options]
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [*self._within, "/usr/bin/python3", str(SERVER), "--port", str(self.port), *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ready = self._process.stdout.readline().split()
        assert ready[:1] == ["ready"]
        self.port = int(ready[1].rpartition(":")[2].partition("/")[0])

    def signal(self, number: int) -> None:
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def url(self, userinfo: str = "") -> str:
        return f"rtsp://{userinfo}{self._address}:{self.port}/live"


@contextmanager
def rtsp(clip: Path, *options: str, within: Sequence[str] = (), address: str = "127.0.0.1") -> Iterator[RtspServer]:
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    found = subprocess.run(["/usr/bin/python3", "-c", probe], check=False, capture_output=True).returncode == 0
    require("gst-rtsp-server", found)
    server = RtspServer(clip, *options, within=within, address=address)
    try:
        yield server
    finally:
        server.kill()
