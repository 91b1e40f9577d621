"""GStreamer's webrtcbin as Debian has it: one rtph264pay and a tee, in Debian's own Python. It makes the offers."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.peers.peer import ROOT, Clip, HostedPeer, debian_version, output_of

PYTHON = "/usr/bin/python3"
PARTS = "import gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import Gst, GstWebRTC; Gst.init(None); \
print(all(map(Gst.ElementFactory.find, ('webrtcbin', 'nicesrc', 'dtlsenc', 'srtpenc', 'rtph264pay'))))"


class Webrtcbin(HostedPeer):
    """See webrtcbin_host.py."""

    name, title, way = "webrtcbin", "GStreamer webrtcbin", "offers"

    def missing(self) -> str:
        """As `Peer.missing`."""
        return "" if output_of(PYTHON, "-c", PARTS).endswith("True") else "GStreamer's webrtcbin with libnice"

    def version(self) -> str:
        """As `Peer.version`."""
        return debian_version("gstreamer1.0-plugins-bad")

    def command(self, clip: Clip) -> Sequence[str]:
        """As `HostedPeer.command`."""
        return [PYTHON, "-m", "tests.bench.peers.webrtcbin_host", str(clip.pictures)]

    def environment(self) -> dict[str, str]:
        """As `HostedPeer.environment`."""
        return {"PYTHONPATH": str(ROOT)}
