"""A viewer made of aiortc, in a network of its own (`tests.far_side`): `python -m tests.far_viewer SECONDS [SERVER]`.

Writes its offer as a line of JSON, reads the answer, watches until three pictures came or the time is over, and writes what
it saw: how many pictures, after how many seconds the first, over which candidates, and from which addresses packets came.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import time
from typing import Any

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

PICTURES = 3
ETH_P_IP = 0x0800
UDP = 17


class Sniffer:
    """The IPv4 addresses from which UDP comes to this machine, of whatever socket."""

    def __init__(self) -> None:
        self.sources: set[str] = set()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def _read(self) -> None:
        data, (_, _, kind, _, _) = self._socket.recvfrom(65_536)
        if kind == socket.PACKET_HOST and data[9] == UDP:
            self.sources.add(socket.inet_ntoa(data[12:16]))

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


def write(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def watch(seconds: float, servers: list[RTCIceServer]) -> dict[str, Any]:
    sniffer, began, times = Sniffer(), time.monotonic(), list[float]()
    done = asyncio.Event()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
    connection.addTransceiver("video", "recvonly")
    tasks: list[asyncio.Task[None]] = []

    async def consume(track: MediaStreamTrack) -> None:
        while len(times) < PICTURES:
            try:
                await track.recv()
            except MediaStreamError:
                break
            times.append(time.monotonic() - began)
        done.set()

    connection.on("track", lambda track: tasks.append(asyncio.ensure_future(consume(track))))
    await connection.setLocalDescription(await connection.createOffer())
    write(connection.localDescription.sdp)
    answer = json.loads(await asyncio.to_thread(sys.stdin.readline))
    began = time.monotonic()
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), seconds)
    (transport,) = {one.receiver.transport.transport for one in connection.getTransceivers()}
    nominated = transport._connection._nominated.get(1)
    pair = [nominated.local_candidate.type, nominated.remote_candidate.type] if nominated else []
    await connection.close()
    for task in tasks:
        task.cancel()
    sniffer.close()
    first = round(times[0], 3) if times else None
    return {"pictures": len(times), "first": first, "pair": pair, "sources": sorted(sniffer.sources)}


if __name__ == "__main__":
    given = [RTCIceServer(**json.loads(text)) for text in sys.argv[2:]]
    write(asyncio.run(watch(float(sys.argv[1]), given)))
