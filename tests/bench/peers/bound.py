"""The lower bound: a C program that only encrypts ready packets and sends them, by UDP segmentation or one by one."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

from pi_cam.media.payloads import payloads
from pi_cam.media.units import AccessUnit
from pi_cam.transport.rtp_packets import Groups, Shape
from tests.bench import stamped_clip
from tests.bench.peers.peer import Clip, Peer, output_of

SOURCE = Path(__file__).with_name("bound.c")
SHAPE = Shape(97, b"0", 1, 2)
"""As the viewers here negotiate it: the same bytes as ours."""


class Bound(Peer):
    """With UDP segmentation."""

    name, title, way = "bound", "C lower bound, UDP segmentation", "datagrams"
    mode: Literal["gso", "each"] = "gso"
    _process: subprocess.Popen[str]

    def missing(self) -> str:
        """As `Peer.missing`."""
        if not shutil.which("gcc"):
            return "gcc"
        return "" if Path("/usr/include/openssl/evp.h").exists() else "OpenSSL's headers (libssl-dev)"

    def version(self) -> str:
        """As `Peer.version`."""
        return f"gcc {output_of('gcc', '-dumpfullversion')}, {' '.join(output_of('openssl', 'version').split()[:2])}"

    def start(self, clip: Clip) -> None:
        """As `Peer.start`."""
        self._folder = tempfile.TemporaryDirectory()
        program, packets = Path(self._folder.name) / "bound", Path(self._folder.name) / "packets"
        subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-o", program, SOURCE, "-lcrypto"], check=True)
        packets.write_bytes(packets_of(stamped_clip.read(clip.pictures)))
        command = [str(program), str(packets), self.mode, clip.cipher]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def stop(self) -> None:
        """As `Peer.stop`."""
        for end in (self._process.stdin, self._process.stdout):
            assert end is not None
            end.close()
        self._process.wait(5)
        self._folder.cleanup()

    def root(self) -> int:
        """As `Peer.root`."""
        return self._process.pid

    def answer(self, offer: str) -> str:
        """As `Peer.answer`."""
        assert self._process.stdin is not None
        self._process.stdin.write(offer + "\n")
        self._process.stdin.flush()
        return ""


class BoundEach(Bound):
    """A call of the kernel for each packet."""

    name, title, mode = "bound-each", "C lower bound, a call for each packet", "each"


def packets_of(pictures: list[stamped_clip.Picture]) -> bytes:
    """What bound.c reads."""
    group, found = Groups(payloads).join(SHAPE), b""
    for picture in pictures:
        packets = group.burst(AccessUnit(picture.data, picture.pts, picture.keyframe, 0.0)).packets
        found += struct.pack("H", len(packets)) + b"".join(struct.pack("H", len(one)) + one for one in packets)
    return found
