"""python -m tests.bench.peers.janus_feeder PICTURES PORT      plays a clip as RTP (RFC 6184) until its input ends"""

from __future__ import annotations

import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

from pi_cam.media.payloads import payloads
from tests.bench.stamped_clip import Picture, Player

PAYLOAD_TYPE, SSRC = 96, 0x70656572
AT_ONCE, PAUSE_SECONDS = 16, 0.0005
"""A whole keyframe at once is more than Janus's socket takes while its threads are busy."""


def main(path: str, port: str) -> None:
    """The whole program."""
    way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    way.connect(("127.0.0.1", int(port)))
    sequence = 0

    def send(picture: Picture) -> None:
        nonlocal sequence
        found = payloads(picture.data)
        for at, payload in enumerate(found):
            kind = PAYLOAD_TYPE | (0x80 if at == len(found) - 1 else 0)
            head = struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, picture.pts & 0xFFFFFFFF, SSRC)
            with suppress(ConnectionRefusedError):  # nobody listens yet
                way.send(head + payload)
            sequence += 1
            if at % AT_ONCE == AT_ONCE - 1:
                time.sleep(PAUSE_SECONDS)

    player = Player(Path(path), send)
    player.start()
    sys.stdin.read()
    player.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
