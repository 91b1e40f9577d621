"""libdatachannel_host.py PICTURES      plays a clip to whoever comes; a `HostedPeer`'s program, for the trixie root"""

from __future__ import annotations

import itertools
import sys
import threading
from pathlib import Path

import libdatachannel as ldc

from tests.bench.peers import host_door
from tests.bench.stamped_clip import Picture, Player

PAYLOAD_TYPE, PROFILE = 102, "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1"


class Host:
    """`path`: of the clip."""

    def __init__(self, path: Path) -> None:
        self._connections: dict[str, ldc.PeerConnection] = {}
        self._tracks: list[ldc.Track] = []
        self._numbers = itertools.count(1)
        self._player = Player(path, self._play)

    def start(self) -> None:
        """Plays."""
        self._player.start()

    def invite(self) -> tuple[str, str]:
        """A name and an offer that has its candidates."""
        number = next(self._numbers)
        connection = ldc.PeerConnection(ldc.Configuration())
        gathered = threading.Event()
        connection.on_gathering_state_change(
            lambda state: gathered.set() if state == ldc.PeerConnection.GatheringState.Complete else None
        )
        video = ldc.Description.Video("video", ldc.Description.Direction.SendOnly)
        video.add_h264_codec(PAYLOAD_TYPE, PROFILE)
        video.add_ssrc(number, "clip", "clip", "video")
        track = connection.add_track(video)
        shape = ldc.RtpPacketizationConfig(number, "clip", PAYLOAD_TYPE, 90_000)
        packets = ldc.H264RtpPacketizer(ldc.NalUnit.Separator.LongStartSequence, shape, 1200)
        packets.add_to_chain(ldc.RtcpSrReporter(shape))
        packets.add_to_chain(ldc.RtcpNackResponder())
        track.set_media_handler(packets)
        connection.set_local_description(ldc.Description.Type.Offer)
        if not gathered.wait(5):
            raise TimeoutError("no candidates")
        self._connections[str(number)] = connection
        self._tracks.append(track)
        description = connection.local_description()
        assert description is not None
        return str(number), str(description)

    def accept(self, name: str, answer: str) -> None:
        """What the viewer answered."""
        self._connections[name].set_remote_description(ldc.Description(answer, "answer"))

    def _play(self, picture: Picture) -> None:
        info = ldc.FrameInfo(picture.pts & 0xFFFFFFFF)
        for track in list(self._tracks):
            try:
                if track.is_open():
                    track.send_frame(picture.data, info)
                elif track.is_closed():
                    self._tracks.remove(track)
            except RuntimeError:  # closed between the two
                self._tracks.remove(track)


if __name__ == "__main__":
    host = Host(Path(sys.argv[1]))
    host.start()
    host_door.stay(host.invite, host.accept)
