#!/usr/bin/python3
"""A real RTSP camera on loopback, made of gst-rtsp-server: plays a clip in a loop, for people and for tests.

Run it with Debian's own interpreter, which has the GObject bindings:

    /usr/bin/python3 tests/rtsp_server.py --port 8554 --clip clip.mp4 [--user NAME --password WORD]
        [--no-inband-parameter-sets] [--codec h264|h265|mjpeg] [--sound opus|opus60|aac|alaw|mulaw|l16]

With sound it beeps for the first tenth of each second of the clip.

It prints `ready rtsp://...` and ends with the process that started it. Port 0: the kernel chooses one.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import signal
import sys
from array import array
from dataclasses import dataclass
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtsp, GstRtspServer  # noqa: E402

PR_SET_PDEATHSIG = 1
DECODED = "h264parse ! avdec_h264 ! videoconvert ! video/x-raw,format=I420"
PAYLOADERS = {
    "h264": "rtph264pay name=pay0 pt=96 config-interval={interval}",
    "h265": f"{DECODED} ! x265enc speed-preset=ultrafast tune=zerolatency key-int-max=30 ! h265parse"
    " ! rtph265pay name=pay0 pt=96 config-interval=-1",
    "mjpeg": f"{DECODED} ! jpegenc ! rtpjpegpay name=pay0 pt=26",
}
SOUND_HZ = 48_000
SOUND_CAPS = f"audio/x-raw,format=S16LE,layout=interleaved,rate={SOUND_HZ},channels=1"
BLOCK_NS = 20_000_000
SOUNDS = {
    "opus": "opusenc bitrate=32000 frame-size=20 ! rtpopuspay",
    "opus60": "opusenc bitrate=32000 frame-size=60 ! rtpopuspay",
    "aac": "avenc_aac ! aacparse ! rtpmp4gpay",
    "alaw": "audio/x-raw,rate=8000 ! alawenc ! rtppcmapay",
    "mulaw": "audio/x-raw,rate=8000 ! mulawenc ! rtppcmupay",
    "l16": "audio/x-raw,rate=16000 ! audioconvert ! rtpL16pay",
}


@dataclass(frozen=True)
class Clip:
    """The encoded pictures of a file as they are in it, and what GStreamer says about them."""

    caps: Any
    pictures: list[tuple[bytes, int, int]]
    duration: int

    @classmethod
    def load(cls, path: str) -> Clip:
        """Reads the file's H.264 without decoding it: data, presentation and decoding time (ns)."""
        pipeline = Gst.parse_launch("filesrc name=file ! qtdemux ! video/x-h264 ! appsink name=out sync=false")
        pipeline.get_by_name("file").set_property("location", path)
        sink: GstApp.AppSink = pipeline.get_by_name("out")
        pipeline.set_state(Gst.State.PLAYING)
        caps, pictures, end = None, [], 0
        while (sample := sink.pull_sample()) is not None:
            buffer = sample.get_buffer()
            caps = sample.get_caps()
            pictures.append((buffer.extract_dup(0, buffer.get_size()), buffer.pts, min(buffer.dts, buffer.pts)))
            end = max(end, buffer.pts + buffer.duration)
        pipeline.set_state(Gst.State.NULL)
        if not pictures:
            raise SystemExit(f"there is no H.264 in {path}")
        return cls(caps, pictures, end - min(pts for _, pts, _ in pictures))


class Player:
    """Feeds one opened stream, whenever it asks for more, with the clip in a loop."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._index = 0

    def push(self, source: Any, _length: int) -> None:
        rounds, index = divmod(self._index, len(self._clip.pictures))
        data, pts, dts = self._clip.pictures[index]
        buffer = Gst.Buffer.new_wrapped(data)
        buffer.pts = pts + rounds * self._clip.duration
        buffer.dts = dts + rounds * self._clip.duration
        self._index += 1
        source.emit("push-buffer", buffer)


class Beeper:
    """Feeds the sound of one opened stream, whenever it asks for more."""

    def __init__(self) -> None:
        tone = [round(8000 * math.sin(2 * math.pi * 1000 * at / SOUND_HZ)) for at in range(SOUND_HZ // 10)]
        second = array("h", tone + [0] * (SOUND_HZ - len(tone))).tobytes()
        size = len(second) // 50
        self._blocks = [second[start : start + size] for start in range(0, len(second), size)]
        self._index = 0

    def push(self, source: Any, _length: int) -> None:
        buffer = Gst.Buffer.new_wrapped(self._blocks[self._index % len(self._blocks)])
        buffer.pts = self._index * BLOCK_NS
        buffer.duration = BLOCK_NS
        self._index += 1
        source.emit("push-buffer", buffer)


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="An RTSP camera on loopback that plays a clip in a loop.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--clip", required=True)
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--no-inband-parameter-sets", action="store_true", help="SPS and PPS in the SDP only")
    parser.add_argument("--codec", choices=sorted(PAYLOADERS), default="h264")
    parser.add_argument("--sound", choices=sorted(SOUNDS))
    return parser.parse_args(arguments)


def factory_for(options: argparse.Namespace, clip: Clip) -> Any:
    factory = GstRtspServer.RTSPMediaFactory()
    payloader = PAYLOADERS[options.codec].format(interval=0 if options.no_inband_parameter_sets else -1)
    factory.set_launch(f"( appsrc name=clip format=time max-bytes=400000 ! {payloader} {sound_for(options)} )")
    factory.set_shared(True)

    def configure(_factory: Any, media: Any) -> None:
        source = media.get_element().get_by_name("clip")
        source.set_property("caps", clip.caps)
        source.connect("need-data", Player(clip).push)
        if (sound := media.get_element().get_by_name("sound")) is not None:
            sound.connect("need-data", Beeper().push)

    factory.connect("media-configure", configure)
    return factory


def sound_for(options: argparse.Namespace) -> str:
    """The branch of the pipeline that makes the sound, if there is to be one."""
    if options.sound is None:
        return ""
    return (
        f'appsrc name=sound format=time max-bytes=20000 caps="{SOUND_CAPS}"'
        f" ! audioconvert ! audioresample ! {SOUNDS[options.sound]} name=pay1 pt=97"
    )


def protect(server: Any, factory: Any, user: str, password: str) -> None:
    """Digest authentication (RFC 2617) for everything."""
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role("viewer")
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


def main(arguments: list[str]) -> int:
    options = parsed(arguments)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    Gst.init(None)
    clip = Clip.load(options.clip)
    server = GstRtspServer.RTSPServer()
    server.set_address(options.address)
    server.set_service(str(options.port))
    factory = factory_for(options, clip)
    if options.user:
        protect(server, factory, options.user, options.password)
    server.get_mount_points().add_factory("/live", factory)
    if server.attach(None) == 0:
        raise SystemExit(f"port {options.port} is taken")
    print(f"ready rtsp://{options.address}:{server.get_bound_port()}/live", flush=True)  # noqa: T201 - its users read this
    GLib.MainLoop().run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
