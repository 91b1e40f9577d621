"""Janus and its streaming plugin, as Debian has them; fed with RTP by a process that is not counted. It makes the offers,
and keeps the last keyframe for newcomers."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.bench.peers.peer import PYTHON, ROOT, Clip, Peer, debian_version, free_port, installed, post

PLUGINS, TRANSPORTS = "plugins", "transports"
START_SECONDS = 10.0

CONFIGURATION = """
general: {{
    configs_folder = "{folder}"
    plugins_folder = "{library}/plugins"
    transports_folder = "{library}/transports"
    events_folder = "{folder}"
    loggers_folder = "{folder}"
    debug_level = 3
}}
nat: {{ ice_ignore_list = "fe80" }}
plugins: {{ disable = "{other_plugins}" }}
transports: {{ disable = "{other_transports}" }}
"""

HTTP = """
general: {{ json = "compact", http = true, port = {port}, interface = "lo", base_path = "/janus" }}
"""

MOUNT = """
clip: {{ type = "rtp", id = 1, audio = false, video = true, videoport = {port}, videopt = 96, videocodec = "h264",
        videofmtp = "profile-level-id=42e01f;packetization-mode=1", videobufferkf = true }}
"""


class Janus(Peer):
    """One handle of the plugin for each viewer."""

    name, title, way = "janus", "Janus", "offers"
    _process: subprocess.Popen[bytes]
    _feeder: subprocess.Popen[str]

    def missing(self) -> str:
        """As `Peer.missing`."""
        return "" if installed("janus") else "Debian's janus"

    def version(self) -> str:
        """As `Peer.version`."""
        return debian_version("janus")

    def start(self, clip: Clip) -> None:
        """As `Peer.start`."""
        self._folder = tempfile.TemporaryDirectory()
        folder, library = Path(self._folder.name), next(Path("/usr/lib").glob("*/janus"))
        api, media = free_port(), free_port(socket.SOCK_DGRAM)
        others = {kind: [one.name for one in (library / kind).glob("*.so")] for kind in (PLUGINS, TRANSPORTS)}
        (folder / "janus.jcfg").write_text(
            CONFIGURATION.format(
                folder=folder,
                library=library,
                other_plugins=",".join(one for one in others[PLUGINS] if "streaming" not in one),
                other_transports=",".join(one for one in others[TRANSPORTS] if "http" not in one),
            )
        )
        (folder / "janus.transport.http.jcfg").write_text(HTTP.format(port=api))
        (folder / "janus.plugin.streaming.jcfg").write_text(MOUNT.format(port=media))
        self._url = f"http://127.0.0.1:{api}/janus"
        command = ["janus", "--configs-folder", str(folder), "--config", str(folder / "janus.jcfg")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        feeder = [PYTHON, "-m", "tests.bench.peers.janus_feeder", str(clip.pictures), str(media)]
        self._feeder = subprocess.Popen(feeder, stdin=subprocess.PIPE, text=True, cwd=ROOT)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._session = str(self._ask("", {"janus": "create"})["data"]["id"])
                return
            except OSError:
                if time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        """As `Peer.stop`."""
        assert self._feeder.stdin is not None
        self._feeder.stdin.close()
        self._feeder.wait(5)
        self._process.terminate()
        self._process.wait(10)
        self._folder.cleanup()

    def root(self) -> int:
        """As `Peer.root`."""
        return self._process.pid

    def invite(self) -> tuple[str, str]:
        """As `Peer.invite`."""
        attach = {"janus": "attach", "plugin": "janus.plugin.streaming"}
        handle = str(self._ask(f"/{self._session}", attach)["data"]["id"])
        self._ask(f"/{self._session}/{handle}", {"janus": "message", "body": {"request": "watch", "id": 1}})
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            event = self._event()
            if "jsep" in event and str(event.get("sender")) == handle:
                return handle, str(event["jsep"]["sdp"])
        raise TimeoutError("Janus makes no offer")

    def accept(self, name: str, answer: str) -> None:
        """As `Peer.accept`."""
        jsep = {"type": "answer", "sdp": answer}
        self._ask(f"/{self._session}/{name}", {"janus": "message", "body": {"request": "start"}, "jsep": jsep})

    def _ask(self, path: str, message: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({**message, "transaction": secrets.token_hex(6)})
        said: dict[str, Any] = json.loads(post(self._url + path, body, "application/json"))
        if said["janus"] == "error":
            raise RuntimeError(f"Janus: {said['error']}")
        return said

    def _event(self) -> dict[str, Any]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self._url}/{self._session}?maxev=1", timeout=40) as answered:
            found: Any = json.loads(answered.read())
        event: dict[str, Any] = found[0] if isinstance(found, list) else found
        return event
