"""So many viewers in a process of their own, who connect as any viewer does and then only count: what a datagram costs them
is a call of the kernel, so that they disturb nobody who is measured beside them.

python -m tests.bench.light_viewers DOOR COUNT      says `up` when all get media; answers `count` with a line of JSON; stays
                                                    until its input ends
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

from aioice import ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCSessionDescription
from aiortc.rtcdtlstransport import SRTP_AES128_CM_SHA1_80, SRTP_PROFILES, RTCCertificate
from aiortc.rtp import RtcpReceiverInfo, RtcpRrPacket

from tests.bench.peers.peer import PYTHON, ROOT, post
from tests.network import HOST_ADDRESS

ENOUGH = 50
"""Packets by which a viewer is known to get media."""

UP_SECONDS, REPORT_SECONDS = 30.0, 1.0
READ_AT_ONCE, DATAGRAM_BYTES = 64, 2048
SO_RCVBUFFORCE, ROOM_BYTES = 33, 1 << 20
"""socket(7). On a busy machine it is the sender that is measured, and not what its viewers miss."""


@dataclass
class Count:
    """Of all viewers of a process: packets and bytes of media, pictures (packets with a marker), packets that never came."""

    packets: int = 0
    bytes: int = 0
    pictures: int = 0
    lost: int = 0
    cipher: str = ""


class Watchers:
    """The process, seen from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def count(self) -> Count:
        """Since the beginning."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("count\n")
        self._process.stdin.flush()
        return Count(**json.loads(self._process.stdout.readline()))


@contextmanager
def watching(door: str, count: int) -> Iterator[Watchers]:
    """`count` viewers until the end of the block. Raises `RuntimeError` when not all get media."""
    command = [PYTHON, "-m", "tests.bench.light_viewers", door, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            if said != "up\n":
                raise RuntimeError(f"viewers: {said!r}")
            yield Watchers(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


class Viewer:
    """Counts what comes by one socket; all that is no media goes to `pass_on` with the address that it came from."""

    def __init__(self, way: socket.socket, pass_on: Any = None) -> None:
        self.count = Count()
        self.ssrc = self.highest = 0
        self._first = -1
        self._way, self._pass_on = way, pass_on
        way.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM_BYTES)

    def read(self) -> None:
        """All that is there, and a bit later the rest."""
        receive, count = self._way.recvfrom, self.count
        for _ in range(READ_AT_ONCE):
            try:
                data, address = receive(DATAGRAM_BYTES)
            except BlockingIOError:
                return
            if not 128 <= data[0] < 192 or 64 <= data[1] & 0x7F < 96:  # RFC 7983, and RFC 5761 for reports
                if self._pass_on is not None:
                    self._pass_on(data, address)
                continue
            count.packets += 1
            count.bytes += len(data)
            count.pictures += data[1] >> 7
            self._number(data)

    def _number(self, data: bytes) -> None:
        sequence, _, self.ssrc = struct.unpack_from("!HII", data, 2)
        if self._first < 0:
            self._first = self.highest = sequence
        else:
            self.highest += (sequence - self.highest + 0x8000) % 0x10000 - 0x8000
        self.count.lost = self.highest + 1 - self._first - self.count.packets


class Connection:
    """A viewer that agrees with a peer as Chromium does."""

    def __init__(self) -> None:
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._up = asyncio.Event()
        self._pc.on("connectionstatechange", self._changed)
        self.viewer: Viewer | None = None
        self._report: asyncio.Task[None] | None = None

    async def start(self, door: str, way: str) -> None:
        """Returns when it is connected."""
        pc = self._pc
        if way == "offers":
            name, _, offer = (await asyncio.to_thread(post, f"{door}/invite", "")).partition("\n")
            await pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            await pc.setLocalDescription(await pc.createAnswer())
            await asyncio.to_thread(post, f"{door}/accept/{name}", pc.localDescription.sdp)
        else:
            video = pc.addTransceiver("video", "recvonly")
            known = RTCRtpSender.getCapabilities("video").codecs
            video.setCodecPreferences([one for one in known if one.mimeType.lower() in ("video/h264", "video/rtx")])
            await pc.setLocalDescription(await pc.createOffer())
            answer = await asyncio.to_thread(post, f"{door}/answer", pc.localDescription.sdp)
            await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await asyncio.wait_for(self._up.wait(), UP_SECONDS)

    async def close(self) -> None:
        """Gives back the socket."""
        if self._report is not None:
            self._report.cancel()
        await self._pc.close()

    def _changed(self) -> None:
        if self._pc.connectionState != "connected" or self.viewer is not None:
            return
        dtls = cast(Any, self._pc.getReceivers()[0].transport)
        protocol = dtls.transport._connection._nominated[1].protocol
        way = protocol.transport.get_extra_info("socket")._sock
        self.viewer = Viewer(way, protocol.datagram_received)
        self.viewer.count.cipher = dtls._ssl.get_selected_srtp_profile().decode()
        loop: Any = asyncio.get_running_loop()
        loop._remove_reader(way.fileno())  # the transport stays, for what is sent
        loop._add_reader(way.fileno(), self.viewer.read)
        self._report = asyncio.create_task(self._tell(dtls, self.viewer))
        self._up.set()

    async def _tell(self, dtls: Any, viewer: Viewer) -> None:
        """A receiver report (RFC 3550, 6.4.2) each second, as of a viewer that lacks nothing."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            info = RtcpReceiverInfo(
                ssrc=viewer.ssrc,
                fraction_lost=0,
                packets_lost=0,
                highest_sequence=viewer.highest & 0xFFFFFFFF,
                jitter=0,
                lsr=0,
                dlsr=0,
            )
            await dtls._send_rtp(bytes(RtcpRrPacket(ssrc=1, reports=[info])))


def _as_chromium() -> None:
    """Prefers the cipher that Chromium does where it may choose (RFC 5764, 4.1.2), and takes RSA certificates. Has one
    address, so that all peers send to the same kind. Media that comes before the counting has begun is let go."""
    SRTP_PROFILES.sort(key=lambda profile: profile is not SRTP_AES128_CM_SHA1_80)
    create: Any = RTCCertificate._create_ssl_context

    def with_rsa(certificate: RTCCertificate, srtp_profiles: Any) -> Any:
        context = create(certificate, srtp_profiles)
        context.set_cipher_list(b"ECDHE+AESGCM:ECDHE+AES")
        return context

    async def let_go(*_: object, **__: object) -> None:
        pass

    RTCCertificate._create_ssl_context = with_rsa  # type: ignore[method-assign, assignment]
    RTCRtpReceiver._handle_rtp_packet = let_go  # type: ignore[method-assign]
    ice.get_host_addresses = lambda use_ipv4, use_ipv6: [HOST_ADDRESS]


async def _watch(door: str, number: int) -> None:
    way = await asyncio.to_thread(post, f"{door}/way", "")
    connections: list[Connection] = []
    if way == "datagrams":
        viewers = [await _datagrams(door) for _ in range(number)]
    else:
        _as_chromium()
        connections = [Connection() for _ in range(number)]
        for one in connections:
            await one.start(door, way)
        viewers = [one.viewer for one in connections if one.viewer is not None]
    while any(one.count.packets < ENOUGH for one in viewers):  # noqa: ASYNC110 - it may not cost them anything per packet
        await asyncio.sleep(0.05)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    while await asyncio.to_thread(sys.stdin.readline):
        sys.stdout.write(json.dumps(asdict(_sum(viewers))) + "\n")
        sys.stdout.flush()
    await asyncio.gather(*(one.close() for one in connections))


async def _datagrams(door: str) -> Viewer:
    way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    way.bind((HOST_ADDRESS, 0))
    viewer = Viewer(way)
    asyncio.get_running_loop().add_reader(way, viewer.read)
    await asyncio.to_thread(post, f"{door}/answer", "{} {}".format(*way.getsockname()))
    return viewer


def _sum(viewers: list[Viewer]) -> Count:
    found = Count(cipher=viewers[0].count.cipher)
    for field in fields(Count):
        if field.name != "cipher":
            setattr(found, field.name, sum(getattr(one.count, field.name) for one in viewers))
    return found


if __name__ == "__main__":
    asyncio.run(_watch(sys.argv[1], int(sys.argv[2])))
