"""MediaMTX, where it is on PATH: it fetches the clip from an RTSP camera, which is not counted; viewers come by WHEP."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench.peers.peer import Clip, Peer, free_port, output_of, post, wait_for_port
from tests.rtsp_camera import rtsp

CONFIGURATION = """
logLevel: error
rtsp: no
rtmp: no
hls: no
srt: no
webrtc: yes
webrtcAddress: 127.0.0.1:{api}
webrtcLocalUDPAddress: :{media}
webrtcICEServers2: []
paths: {{ clip: {{ source: "{camera}", rtspTransport: tcp }} }}
"""


class MediaMtx(Peer):
    """No stamps: the RTSP camera plays a file."""

    name, title = "mediamtx", "MediaMTX"
    _process: subprocess.Popen[bytes]

    def missing(self) -> str:
        """As `Peer.missing`."""
        return "" if shutil.which("mediamtx") else "mediamtx on PATH"

    def version(self) -> str:
        """As `Peer.version`."""
        return output_of("mediamtx", "--version")

    def start(self, clip: Clip) -> None:
        """As `Peer.start`."""
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        camera = self._stack.enter_context(rtsp(clip.file))
        self._api = free_port()
        configuration = folder / "mediamtx.yml"
        configuration.write_text(CONFIGURATION.format(api=self._api, media=free_port(), camera=camera.url()))
        self._process = subprocess.Popen(["mediamtx", str(configuration)], stdout=subprocess.DEVNULL)
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
        return post(f"http://127.0.0.1:{self._api}/clip/whep", offer)
