"""What a viewer can send back, and that the others see every picture all the same."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiortc.rtp import RTCP_PSFB_FIR, RTCP_PSFB_PLI, RTCP_RTPFB_NACK, RtcpPsfbPacket, RtcpRtpfbPacket

from tests import network
from tests.peer import Received, WhepPeer
from tests.prerequisites import require
from tests.server import Server, serving

FPS = 15
SECONDS = 4.0
FLOOD = 10_000
CONNECT_SECONDS = 12
Attack = Callable[[WhepPeer], Awaitable[None]]


@pytest.fixture(scope="module")
def server(sender: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    connect = {"PI_CAM_CONNECT_SECONDS": str(CONNECT_SECONDS)}
    environment = {"PI_CAM_WEBRTC_SENDER": sender, "PI_CAM_GRACE_SECONDS": "0", **connect}
    source = f"synthetic:?size=320x240&fps={FPS}"
    with serving(tmp_path_factory.mktemp("hostile"), source, owner=True, environment=environment) as server:
        yield server


def sources(peer: WhepPeer) -> tuple[Any, int, int]:
    """The connection, our number in its reports, and that of the camera's pictures."""
    receiver: Any = peer.connection.getReceivers()[0]
    return receiver.transport, receiver._RTCRtpReceiver__rtcp_ssrc, next(iter(receiver._RTCRtpReceiver__remote_streams))


async def sent(transport: Any, packets: list[bytes]) -> None:
    """As fast as it goes, and yet so that whoever else runs in this loop may."""
    for number, packet in enumerate(packets):
        await transport._send_rtp(packet)
        if number % 20 == 19:
            await asyncio.sleep(0)


def is_whole(packets: list[Received]) -> bool:
    """Nothing is missing in between."""
    numbers = sorted({(packet.sequence - packets[0].sequence + 0x8000) & 0xFFFF for packet in packets})
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def keyframes_asked_for(peer: WhepPeer) -> None:
    """Faster than they could come, and for longer than requests are gathered."""
    transport, own, camera = sources(peer)
    for _ in range(round(SECONDS / 0.1)):
        for kind in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            await sent(transport, [bytes(RtcpPsfbPacket(fmt=kind, ssrc=own, media_ssrc=camera))] * (FLOOD // 80))
        await asyncio.sleep(0.1)


async def thousands_of_packets_asked_for_at_once(peer: WhepPeer) -> None:
    """One report of 1.3 kB names 5,610."""
    transport, own, camera = sources(peer)
    body = b"".join(struct.pack("!HH", 17 * at & 0xFFFF, 0xFFFF) for at in range(330))
    packet = struct.pack("!BBHLL", 0x80 | RTCP_RTPFB_NACK, 205, 2 + len(body) // 4, own, camera) + body
    for _ in range(round(SECONDS / 0.05)):
        await sent(transport, [packet] * 15)
        await asyncio.sleep(0.05)


async def packets_behind_the_last_number(peer: WhepPeer) -> None:
    """A request counts on across the end of sixteen bits."""
    transport, own, camera = sources(peer)
    body = struct.pack("!HH", 0xFFFF, 0xFFFF)
    await sent(transport, [struct.pack("!BBHLL", 0x80 | RTCP_RTPFB_NACK, 205, 3, own, camera) + body] * 10)


async def packets_asked_for_that_never_were(peer: WhepPeer) -> None:
    transport, own, camera = sources(peer)
    numbers = [int.from_bytes(os.urandom(2), "big") for _ in range(FLOOD)]
    lost = [sorted(set(numbers[at : at + 10])) for at in range(0, FLOOD, 10)]
    fmt = RTCP_RTPFB_NACK
    await sent(transport, [bytes(RtcpRtpfbPacket(fmt=fmt, ssrc=own, media_ssrc=camera, lost=some)) for some in lost])


async def the_same_packets_again_and_again(peer: WhepPeer) -> None:
    transport, own, camera = sources(peer)
    lost = sorted({packet.sequence for packet in peer.packets[-10:]})
    packet = bytes(RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=own, media_ssrc=camera, lost=lost))
    await sent(transport, [packet] * (FLOOD // 10))


async def estimates_that_are_none(peer: WhepPeer) -> None:
    """REMB (draft-alvestrand-rmcat-remb-03): of 0 bit/s, of 2^60, of everything that its fields hold, of nobody."""
    transport, own, camera = sources(peer)
    for exponent, mantissa in ((0, 0), (43, 1 << 17), (63, (1 << 18) - 1)):
        body = b"REMB" + struct.pack("!L", 1 << 24 | exponent << 18 | mantissa)
        for rest in (struct.pack("!L", camera), b"", b"\xff" * 40):
            await sent(transport, [bytes(RtcpPsfbPacket(fmt=15, ssrc=own, media_ssrc=0, fci=body + rest))])


async def noise_that_begins_like_reports(peer: WhepPeer) -> None:
    transport, own, camera = sources(peer)
    packets = []
    for number in range(2000):
        kind, length = 200 + number % 8, number % 9
        head = struct.pack("!BBH", 0x80 | number % 32, kind, (length, 0, 0xFFFF, length + 1)[number % 4])
        packets.append(head + struct.pack("!LL", own, camera)[: 4 + number % 5] + os.urandom(4 * length))
    await sent(transport, packets)


def port_of(peer: WhepPeer) -> tuple[str, int]:
    """The camera's, for this viewer."""
    found = re.search(r"a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ host", peer.answer)
    assert found is not None
    return found[1], int(found[2])


async def single_datagrams_that_break_parsers(peer: WhepPeer) -> None:
    """Without a token, from anywhere: nothing, more than fits, and a check of ICE with a priority of two bytes."""
    short = struct.pack("!HH", 0x0024, 2) + bytes(4)
    check = struct.pack("!HHI12s", 1, len(short), 0x2112A442, os.urandom(12)) + short
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for datagram in (b"", b"\x80" + bytes(1600), b"\x16\xfe\xfd" + bytes(1600), check, b"\x80", b"\x16"):
            out.sendto(datagram, port_of(peer))
            await asyncio.sleep(0.01)


async def noise_on_the_port(peer: WhepPeer) -> None:
    """Not even encrypted: whoever knows the port can send this."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for number in range(5000):
            out.sendto((bytes([number % 256]) + os.urandom(number % 1700))[: number % 1701], port_of(peer))
            if number % 20 == 19:
                await asyncio.sleep(0)


ATTACKS: list[Attack] = [
    keyframes_asked_for,
    packets_asked_for_that_never_were,
    the_same_packets_again_and_again,
    estimates_that_are_none,
    thousands_of_packets_asked_for_at_once,
    packets_behind_the_last_number,
    noise_that_begins_like_reports,
    single_datagrams_that_break_parsers,
    noise_on_the_port,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_the_others_see_every_picture(server: Server, attack: Attack) -> None:
    token = server.token("view")

    async def run() -> None:
        async with WhepPeer(server, token, decode=False) as hostile, WhepPeer(server, token, decode=False) as other:
            for peer in (hostile, other):
                await peer.until(lambda peer=peer: len(peer.packets) > 10)  # type: ignore[misc]
            began, before = time.monotonic(), server.own_bytes()
            other.packets.clear()
            await attack(hostile)
            await asyncio.sleep(max(0.0, SECONDS - (time.monotonic() - began)))
            lasted = time.monotonic() - began
            units = other.access_units()
            assert len(units) >= FPS / 2 * lasted
            assert is_whole(other.packets)
            keyframes = sum(any(unit[0] & 0x1F == 5 for unit in picture) for picture in units)
            assert keyframes <= 4 + 0.5 * lasted + 1 + lasted / 2, "its own few, and the camera's every two seconds"
            assert server.own_bytes() - before < 8_000_000
            hostile.packets.clear()
            await hostile.until(lambda: len(hostile.packets) > 3)

    asyncio.run(run())
    assert "Traceback" not in server.log.read_text()


def test_coming_and_going_makes_nobody_pay(server: Server) -> None:
    token, others = server.token("view"), server.token("view")

    async def run() -> None:
        async with WhepPeer(server, others, decode=False) as other:
            await other.until(lambda: len(other.packets) > 10)
            began = time.monotonic()
            other.packets.clear()
            for _ in range(16):
                async with WhepPeer(server, token, decode=False) as comer:
                    await comer.until(lambda: comer.connection.connectionState == "connected")
            lasted = time.monotonic() - began
            units = other.access_units()
            keyframes = sum(any(unit[0] & 0x1F == 5 for unit in picture) for picture in units)
            assert is_whole(other.packets)
            assert keyframes <= 8 + 0.5 * lasted + 1 + lasted / 2, "its own few, and the camera's every two seconds"

    asyncio.run(run())


def test_a_flood_before_the_connection_is_up_fills_no_memory(server: Server) -> None:
    async def run() -> None:
        peer = WhepPeer(server, server.token("view"), decode=False)
        assert (await peer.start()).status == 201
        await peer.connection.close()  # it never connects
        before = server.own_bytes()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for number in range(40_000):
                out.sendto(b"\x80" + bytes(1399), port_of(peer))
                if number % 20 == 19:
                    await asyncio.sleep(0)
        assert server.own_bytes() - before < 8_000_000

    asyncio.run(run())
    assert "Traceback" not in server.log.read_text()


def test_twenty_offers_that_never_connect_and_then_a_viewer(server: Server) -> None:
    token, others = server.token("view"), server.token("view")
    offers: list[WhepPeer] = []

    async def offered() -> tuple[int, dict[str, str]]:
        peer = WhepPeer(server, token, decode=False)
        offers.append(peer)
        answer = await peer.start()
        await peer.connection.close()
        return answer.status, answer.headers

    async def run() -> None:
        async with WhepPeer(server, others, decode=False) as other:
            await other.until(lambda: len(other.packets) > 10)
            before = server.own_bytes()
            answers = [await offered() for _ in range(20)]
            refused = [headers for status, headers in answers if status == 429]
            assert {status for status, _ in answers} == {201, 429}
            assert len(refused) >= 10, [status for status, _ in answers]
            assert all(int(headers["Retry-After"]) > 0 for headers in refused)
            other.packets.clear()
            async with WhepPeer(server, others, decode=False) as newcomer:
                await newcomer.until(lambda: len(newcomer.packets) > 10)
            await other.until(lambda: len(other.access_units()) > FPS)
            assert is_whole(other.packets)
            assert server.own_bytes() - before < 12_000_000
            deadline = time.monotonic() + CONNECT_SECONDS + 15
            while (await offered())[0] != 201:
                assert time.monotonic() < deadline, "they are not let in again"
                await asyncio.sleep(0.5)

    asyncio.run(run())
    assert "Traceback" not in server.log.read_text()
