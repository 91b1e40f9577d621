"""This sender, and aiortc's own in its place: `pi-cam serve`, asked by WHEP."""

from __future__ import annotations

import platform
import tempfile
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import pi_cam
from tests.bench.measure import NO_GRACE
from tests.bench.peers.peer import Clip, Peer
from tests.server import Server, serving


class PiCam(Peer):
    """As it is sent out; at its lowest delay where that is what is measured."""

    name, title, sender = "ours", "pi-cam", "shared"
    _server: Server

    def version(self) -> str:
        """As `Peer.version`."""
        return f"{pi_cam.__version__}, Python {platform.python_version()}"

    def start(self, clip: Clip) -> None:
        """As `Peer.start`."""
        environment = {**NO_GRACE, "PI_CAM_WEBRTC_SENDER": self.sender, "PI_CAM_VIEWERS_MAX": "100"}
        source, module = f"file:{clip.file}", "pi_cam.cli"
        if clip.stamped:
            source, module = f"stamped:{clip.pictures}", "tests.bench.peers.pi_cam_host"
            environment["PI_CAM_LATENCY"] = "low"
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._server = self._stack.enter_context(
            serving(folder, source, owner=True, environment=environment, module=module)
        )
        self._token = self._server.token("view")

    def stop(self) -> None:
        """As `Peer.stop`."""
        self._stack.close()

    def root(self) -> int:
        """As `Peer.root`."""
        return self._server.process.pid

    def answer(self, offer: str) -> str:
        """As `Peer.answer`."""
        kind = {"Content-Type": "application/sdp"}
        answered = self._server.request("POST", "/whep/main", token=self._token, body=offer.encode(), headers=kind)
        if answered.status != 201:
            raise RuntimeError(f"WHEP: {answered.status} {answered.body!r}")
        return answered.body.decode()


class Plain(PiCam):
    """Each viewer by aiortc's own sender."""

    name, title, sender = "aiortc", "aiortc (its own sender, in pi-cam)", "plain"

    def version(self) -> str:
        """As `Peer.version`."""
        return version("aiortc")
