"""The way out: real encryption, real UDP, and kernels and networks that refuse."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from pylibsrtp import Policy, Session

from pi_cam.media.h264 import join_nal_units
from pi_cam.media.payloads import payloads
from pi_cam.media.units import AccessUnit
from pi_cam.transport.rtp_packets import Burst, Groups, Shape
from pi_cam.transport.webrtc_seam_sender import Outlet, SealingError
from pi_cam.transport.wire import STRIDES_KEPT, UDP_SEGMENT, Wire

KEY = bytes(range(44))
PROFILES = {10: (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30), 16: (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44)}


def policy(kind: int, tag: int) -> Policy:
    profile, size = PROFILES[tag]
    found = Policy(key=KEY[:size], ssrc_type=kind, srtp_profile=profile)
    found.allow_repeat_tx = True
    return found


class FakeOutlet(Outlet):
    """To a socket of the test instead of a browser's."""

    def __init__(self, tag: int, way: socket.socket | None, address: tuple[Any, ...]) -> None:
        self.tag = tag
        self._session = Session(policy(Policy.SSRC_ANY_OUTBOUND, tag))
        self.context = self._session._srtp[0]
        self._way, self._address = way, address
        self.current: object = object()
        self.passed: list[bytes] = []
        self.looked = 0

    def pair(self) -> object:
        return self.current

    def way(self) -> tuple[Any, tuple[Any, ...]]:
        self.looked += 1
        return (self._way.dup() if self._way else None), self._address

    def pass_on(self, packet: bytes) -> None:
        self.passed.append(packet)


def burst(size: int) -> Burst:
    group = Groups(payloads).join(Shape(102, b"0", 1, 3))
    return group.burst(AccessUnit(join_nal_units([b"\x65" + b"\x07" * size]), 0, True, 0.0))


def numbered(packets: list[bytes], first: int) -> list[bytes]:
    return [packet[:2] + (first + at).to_bytes(2, "big") + packet[4:] for at, packet in enumerate(packets)]


def sockets(family: socket.AddressFamily, host: str) -> tuple[socket.socket, socket.socket]:
    out, to = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
    out.setblocking(False)
    to.bind((host, 0))
    to.settimeout(2)
    return out, to


def received(to: socket.socket, count: int, tag: int) -> list[bytes]:
    session = Session(policy(Policy.SSRC_ANY_INBOUND, tag))
    return [session.unprotect(to.recv(4096)) for _ in range(count)]


@pytest.mark.parametrize("tag", [10, 16])
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
@pytest.mark.parametrize("size", [100, 10_000])
def test_packets_arrive_encrypted_and_whole(tag: int, family: socket.AddressFamily, host: str, size: int) -> None:
    out, to = sockets(family, host)
    with out, to:
        wire = Wire(FakeOutlet(tag, out, to.getsockname()[:2]))
        picture = burst(size)
        (run,) = picture.runs(wire.tag)
        assert wire.send(run, 500)
        assert received(to, len(picture.packets), tag) == numbered(picture.packets, 500)
        wire.close()
        wire.close()


class Refusing:
    """A socket whose kernel knows no segments, or has no room."""

    def __init__(self, inner: socket.socket, code: int) -> None:
        self.inner, self.code, self.tries = inner, code, 0

    def dup(self) -> Refusing:
        return self

    def sendmsg(self, *given: Any) -> int:
        self.tries += 1
        assert given[1][0][1] == UDP_SEGMENT
        raise OSError(self.code, "no")

    def sendto(self, data: memoryview, address: tuple[Any, ...]) -> int:
        return self.inner.sendto(data, address)

    def close(self) -> None:
        return


@pytest.mark.parametrize("first", [0x7FFF, 0xFFFA, 0xFFFF, 250, 255])
def test_numbers_go_on_where_a_byte_or_both_go_round(first: int) -> None:
    out, to = sockets(socket.AF_INET, "127.0.0.1")
    with out, to:
        wire = Wire(FakeOutlet(16, out, to.getsockname()))
        (run,) = burst(20_000).runs(16)
        assert wire.send(run, first)
        got = received(to, len(run.lengths), 16)
        wire.close()
    assert [int.from_bytes(one[2:4], "big") for one in got] == [(first + at) & 0xFFFF for at in range(len(got))]


def test_pictures_of_all_sizes_leave_nothing_behind() -> None:
    """As many kinds of packets as there are: each has a size of its own."""
    wire = Wire(FakeOutlet(10, None, ("192.0.2.1", 9)))
    sequence = 1
    for size in range(1_300, 2_400, 5):
        (run,) = burst(size).runs(10)
        assert wire.send(run, sequence)
        sequence += len(run.lengths)
    kept: Any = wire._bench._places
    assert kept.cache_info().misses > STRIDES_KEPT
    assert kept.cache_info().currsize <= STRIDES_KEPT


@pytest.mark.parametrize("code", [errno.EIO, errno.EINVAL])
def test_where_segments_are_refused_each_packet_goes_by_itself(code: int) -> None:
    out, to = sockets(socket.AF_INET, "127.0.0.1")
    with out, to:
        kernel: Any = Refusing(out, code)
        wire = Wire(FakeOutlet(10, kernel, to.getsockname()))
        picture = burst(5_000)
        (run,) = picture.runs(wire.tag)
        assert wire.send(run, 1)
        assert wire.send(run, 1 + len(picture.packets))
        assert kernel.tries == 1, "not again and again"
        got = received(to, 2 * len(picture.packets), 10)
        assert got == numbered(picture.packets, 1) + numbered(picture.packets, 1 + len(picture.packets))


@pytest.mark.parametrize(("code", "sent"), [(errno.EAGAIN, False), (errno.ENETUNREACH, True), (errno.EPERM, True)])
def test_no_room_and_no_route(code: int, sent: bool) -> None:
    kernel: Any = Refusing(socket.socket(), code)
    with kernel.inner:
        wire = Wire(FakeOutlet(10, kernel, ("127.0.0.1", 9)))
        (run,) = burst(5_000).runs(10)
        assert wire.send(run, 1) is sent


def test_through_a_relay_it_goes_the_library_s_way() -> None:
    outlet = FakeOutlet(10, None, ("192.0.2.1", 9))
    wire = Wire(outlet)
    picture = burst(5_000)
    (run,) = picture.runs(10)
    assert wire.send(run, 7)
    session = Session(policy(Policy.SSRC_ANY_INBOUND, 10))
    assert [session.unprotect(packet) for packet in outlet.passed] == numbered(picture.packets, 7)


def test_another_pair_is_another_way_and_none_is_none() -> None:
    outlet = FakeOutlet(10, None, ("192.0.2.1", 9))
    wire = Wire(outlet)
    (run,) = burst(100).runs(10)
    assert wire.send(run, 1)
    assert wire.send(run, 2)
    assert outlet.looked == 1
    outlet.current = object()
    assert wire.send(run, 3)
    assert outlet.looked == 2
    outlet.current = None
    assert not wire.send(run, 4)


def test_where_there_is_no_file_left_for_it_the_next_one_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    out, to = sockets(socket.AF_INET, "127.0.0.1")
    with out, to:
        outlet = FakeOutlet(10, out, to.getsockname())
        wire, way = Wire(outlet), outlet.way
        picture = burst(5_000)
        (run,) = picture.runs(10)

        def refused() -> tuple[Any, tuple[Any, ...]]:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(outlet, "way", refused)
        assert wire.send(run, 1), "as if it were lost"
        monkeypatch.setattr(outlet, "way", way)
        assert wire.send(run, 1 + len(picture.packets))
        assert received(to, len(picture.packets), 10) == numbered(picture.packets, 1 + len(picture.packets))
        assert outlet.passed == []
        wire.close()


def test_what_cannot_be_encrypted_is_not_sent() -> None:
    outlet = FakeOutlet(10, None, ("192.0.2.1", 9))
    outlet.tag = 16  # not what it is
    wire = Wire(outlet)
    (run,) = burst(100).runs(16)
    with pytest.raises(SealingError):
        wire.send(run, 1)
    assert outlet.passed == []
