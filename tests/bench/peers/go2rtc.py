"""go2rtc, where it is on PATH: it fetches the clip from an RTSP camera, which is not counted."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench.peers.peer import Clip, Peer, free_port, output_of, post, wait_for_port
from tests.rtsp_camera import rtsp

CONFIGURATION = """
api: {{ listen: "127.0.0.1:{api}" }}
rtsp: {{ listen: "" }}
srtp: {{ listen: "" }}
webrtc: {{ listen: ":{media}", ice_servers: [] }}
streams: {{ clip: "{camera}" }}
"""


class Go2rtc(Peer):
    """No stamps: the RTSP camera plays a file."""

    name, title = "go2rtc", "go2rtc"
    _process: subprocess.Popen[bytes]

    def missing(self) -> str:
        """As `Peer.missing`."""
        return "" if shutil.which("go2rtc") else "go2rtc on PATH"

    def version(self) -> str:
        """As `Peer.version`."""
        return output_of("go2rtc", "-version").partition("\n")[0]

    def start(self, clip: Clip) -> None:
        """As `Peer.start`."""
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        camera = self._stack.enter_context(rtsp(clip.file))
        self._api = free_port()
        configuration = folder / "go2rtc.yaml"
        configuration.write_text(CONFIGURATION.format(api=self._api, media=free_port(), camera=camera.url()))
        self._process = subprocess.Popen(
            ["go2rtc", "-config", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_port(self._api)

    def stop(self) -> None:
        """As `Peer.stop`."""
        self._process.terminate()
        self._process.wait(10)
        self._stack.close()

    def root(self) -> int:
        """As `Peer.root`."""
        return self._process.pid

    def answer(self, offer: str) -> str:
        """As `Peer.answer`."""
        return post(f"http://127.0.0.1:{self._api}/api/webrtc?src=clip", offer)
