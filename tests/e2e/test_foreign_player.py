"""A WHEP player that this project did not write plays the stream, from a page of another origin."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.prerequisites import require
from tests.server import Server

PLAYER = Path(__file__).parents[2] / "web/ui/node_modules/@binbat/whip-whep"

WATCH = """
async ([url, token]) => {
  const { WHEPClient } = await import('/whep.js');
  const video = document.createElement('video');
  Object.assign(video, { muted: true, autoplay: true, playsInline: true });
  document.body.append(video);
  const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  connection.addTransceiver('audio', { direction: 'recvonly' });
  connection.addTransceiver('video', { direction: 'recvonly' });
  connection.ontrack = ({track}) => { if (track.kind === 'video') video.srcObject = new MediaStream([track]); };
  const player = new WHEPClient();
  await player.view(connection, url, token);
  while (video.getVideoPlaybackQuality().totalVideoFrames < 30) await new Promise(done => setTimeout(done, 50));
  const size = [video.videoWidth, video.videoHeight];
  await player.stop();
  return size;
}
"""


@pytest.fixture
def other_origin() -> Iterator[str]:
    require("the player's modules (npm ci in web/ui)", PLAYER.is_dir())

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(PLAYER)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_foreign_player_plays(page: Page, synthetic: Server, other_origin: str) -> None:
    page.goto(other_origin + "/")
    token = synthetic.token("view")
    assert page.evaluate(WATCH, [synthetic.url + "/whep/main", token]) == [1280, 720]
    assert synthetic.camera(token)["viewers"] == 0
