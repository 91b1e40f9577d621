"""webrtcbin_host.py PICTURES      plays a clip to whoever comes; a `HostedPeer`'s program, for Debian's Python"""

from __future__ import annotations

import itertools
import sys
import threading
from pathlib import Path
from typing import Any

import gi

for _module in ("Gst", "GstWebRTC", "GstSdp"):
    gi.require_version(_module, "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

from tests.bench.peers import host_door  # noqa: E402
from tests.bench.stamped_clip import CLOCK_HZ, FPS, Picture, Player  # noqa: E402

CAPS = "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,packetization-mode=(string)1"
PIPELINE = f"""
appsrc name=clip is-live=true format=time do-timestamp=true
    caps=video/x-h264,stream-format=byte-stream,alignment=au,width=1920,height=1080,framerate=30/1
! h264parse ! rtph264pay aggregate-mode=zero-latency config-interval=-1 pt=96 mtu=1212
! {CAPS} ! tee name=all allow-not-linked=true
"""


class Host:
    """`path`: of the clip."""

    def __init__(self, path: Path) -> None:
        self._pipeline = Gst.parse_launch(PIPELINE)
        self._all, clip = self._pipeline.get_by_name("all"), self._pipeline.get_by_name("clip")
        self._viewers: dict[str, Any] = {}
        self._numbers = map(str, itertools.count(1))
        self._lock = threading.Lock()

        def push(picture: Picture) -> None:
            buffer = Gst.Buffer.new_wrapped(picture.data)
            buffer.duration = Gst.SECOND // FPS
            buffer.offset = picture.pts // (CLOCK_HZ // FPS)
            clip.emit("push-buffer", buffer)

        self._player = Player(path, push)

    def start(self) -> None:
        """Plays."""
        self._pipeline.set_state(Gst.State.PLAYING)
        self._player.start()

    def invite(self) -> tuple[str, str]:
        """A name and an offer that has its candidates."""
        with self._lock:
            name = next(self._numbers)
            queue = Gst.ElementFactory.make("queue", None)
            viewer = Gst.ElementFactory.make("webrtcbin", None)
            viewer.set_property("bundle-policy", "max-bundle")
            wanted, gathered = threading.Event(), threading.Event()
            viewer.connect("on-negotiation-needed", lambda _: wanted.set())
            viewer.connect("notify::ice-gathering-state", lambda *_: _complete(viewer, gathered))
            self._viewers[name] = viewer
            for one in (queue, viewer):
                self._pipeline.add(one)
            queue.set_property(
                "leaky", 2
            )  # until the viewer is connected nothing leaves it, and nobody may wait for that
            queue.link(viewer)
            sender = viewer.emit("get-transceiver", 0)
            sender.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
            sender.set_property("codec-preferences", Gst.Caps.from_string(CAPS))
            viewer.sync_state_with_parent()
            queue.sync_state_with_parent()
            self._all.link(queue)
        wanted.wait(5)
        made = Gst.Promise.new()
        viewer.emit("create-offer", None, made)
        made.wait()
        reply = made.get_reply()  # kept: what is in it lives as long
        offer = reply.get_value("offer")
        done = Gst.Promise.new()
        viewer.emit("set-local-description", offer, done)
        done.wait()
        if not gathered.wait(5):
            raise TimeoutError("no candidates")
        return name, viewer.get_property("local-description").sdp.as_text()

    def accept(self, name: str, answer: str) -> None:
        """What the viewer answered."""
        _, message = GstSdp.SDPMessage.new_from_text(answer)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        done = Gst.Promise.new()
        self._viewers[name].emit("set-remote-description", description, done)
        done.wait()


def _complete(viewer: Any, gathered: threading.Event) -> None:
    if viewer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
        gathered.set()


if __name__ == "__main__":
    Gst.init(None)
    threading.Thread(target=GLib.MainLoop().run, daemon=True).start()
    host = Host(Path(sys.argv[1]))
    host.start()
    host_door.stay(host.invite, host.accept)
