"""Where one viewer's packets leave: encrypted where they lie, and handed to the kernel by as few calls as it allows."""

from __future__ import annotations

import errno
import fcntl
import logging
import socket
import struct
import sys
import termios
from array import array
from functools import cache, lru_cache
from itertools import repeat
from typing import Any

from pi_cam.transport import webrtc_seam_sender as seam
from pi_cam.transport.rtp_packets import HEADER_BYTES, SEGMENTS_MAX, Run

log = logging.getLogger(__name__)

UDP_SEGMENT = 103
"""udp(7). Python's socket module has no name for it."""

_NO_SEGMENTS = frozenset({errno.EIO, errno.EINVAL, errno.EMSGSIZE, errno.ENOPROTOOPT, errno.EOPNOTSUPP})
"""What a kernel without it says, or a network card that cannot do the checksums."""

BUFFER_BYTES = 72 * 1024
"""More than a run has. One buffer serves all viewers: all of this happens in the media loop, and nothing stays in it."""

STRIDES_KEPT = 32
"""Every picture has its own. Where packets begin is known of so many, as viewers of several groups take turns; of all it
would be three megabytes."""

_HIGH = b"".join(bytes([high % 256]) * 256 for high in range(257))
_LOW = bytes(range(256)) * 2
"""The upper and the lower bytes of sequence numbers, from which a run's are cut: longer than one turn, for those that go on
with the next."""


class Wire:
    """`outlet`: the connection that it belongs to."""

    __slots__ = ("_address", "_bench", "_outlet", "_pair", "_segments", "_socket", "tag")

    def __init__(self, outlet: seam.Outlet) -> None:
        self.tag = outlet.tag
        self._outlet = outlet
        self._pair: object = None
        self._socket: socket.socket | None = None
        self._address: tuple[Any, ...] = ()
        self._segments = True
        self._bench = _bench()

    def send(self, run: Run, sequence: int) -> bool:
        """Packets numbered from `sequence` on. False when there is no room for all of them, or no way out.

        Raises `seam.SealingError` when they cannot be encrypted."""
        view = self._seal(run, sequence)
        try:
            if self._outlet.pair() is not self._pair:
                self._find_way()
            if self._pair is None:
                return False
            if self._socket is None:
                for begin in range(0, len(view), run.stride):
                    self._outlet.pass_on(bytes(view[begin : begin + run.stride]))
            elif self._segments and len(run.lengths) > 1:
                self._send_as_one(self._socket, view, run.stride)
            else:
                self._send_each(self._socket, view, run.stride)
        except BlockingIOError:
            return False
        except OSError as error:  # no route at the moment, a firewall that says so: as if it were lost on the way
            log.debug("not sent", extra={"cause": str(error)})
        return True

    def waiting(self) -> int:
        """Bytes that the kernel has not sent yet, with what it counts for keeping them (`SIOCOUTQ`, udp(7)); 0 through a
        relay, where nobody knows."""
        if self._socket is None:
            return 0
        return int.from_bytes(fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4)), sys.byteorder)

    def close(self) -> None:
        """May be called twice."""
        found, self._socket, self._pair = self._socket, None, None
        if found is not None:
            found.close()

    def _seal(self, run: Run, sequence: int) -> memoryview:
        """What came of it. There is no step of Python for each packet: that would cost more than the encryption."""
        bench = self._bench
        if run is not bench.run:
            bench.lay(run, self.tag)
        count, high, low = bench.count, sequence & 0xFFFF, sequence & 0xFF
        bench.whole[:] = run.block
        bench.high[:] = _HIGH[high : high + count]
        bench.low[:] = _LOW[low : low + count]
        bench.sizes[:] = bench.plain
        faults = map(seam.lib.srtp_protect, repeat(self._outlet.context), bench.places, bench.lengths)
        fault = next(filter(None, faults), 0)
        if fault:
            raise seam.SealingError(f"SRTP: status {fault}")
        if bench.sizes != bench.sealed:
            raise seam.SealingError(
                f"SRTP adds {bench.lengths[0][0] - run.lengths[0]} bytes to a packet, not {self.tag}"
            )
        return bench.whole

    def _find_way(self) -> None:
        """The pair of addresses may change while it is used (RFC 8445, 8.1.1)."""
        self.close()
        self._socket, self._address = self._outlet.way()
        self._pair, self._segments = self._outlet.pair(), True

    def _send_as_one(self, way: socket.socket, view: memoryview, stride: int) -> None:
        try:
            way.sendmsg([view], self._bench.segments, 0, self._address)
        except OSError as error:
            if error.errno not in _NO_SEGMENTS:
                raise
            self._segments = False
            self._send_each(way, view, stride)

    def _send_each(self, way: socket.socket, view: memoryview, stride: int) -> None:
        for begin in range(0, len(view), stride):
            way.sendto(view[begin : begin + stride], self._address)


class _Bench:
    """Where packets are encrypted, laid out for the run that was there last: mostly the next viewer's, too."""

    def __init__(self) -> None:
        self.count = 0
        self._memory = seam.ffi.new("char[]", BUFFER_BYTES)
        self._numbers = seam.ffi.new("int[]", SEGMENTS_MAX)
        self._places = lru_cache(STRIDES_KEPT)(self._make_places)
        self._all_lengths = [self._numbers + at for at in range(SEGMENTS_MAX)]
        self.view = memoryview(seam.ffi.buffer(self._memory))
        self.run: Run | None = None
        self.lay(Run(bytes(HEADER_BYTES), (HEADER_BYTES,), HEADER_BYTES), 0)

    def lay(self, run: Run, tag: int) -> None:
        """Views of the buffer for this run. `count`: its packets; `high`, `low`: the bytes of its sequence numbers;
        `places`, `lengths`: for libsrtp, pointers to each packet and to its size; `sizes`: all of these, which are `plain`
        before and `sealed` after; `whole`: all that is to be sent."""
        self.count = count = len(run.lengths)
        self.run, end = run, len(run.block)
        self.whole, self.high, self.low = (
            self.view[:end],
            self.view[2 : end : run.stride],
            self.view[3 : end : run.stride],
        )
        self.sizes = memoryview(seam.ffi.buffer(self._numbers)).cast("i")[:count]
        self.plain, self.sealed = array("i", run.lengths), array("i", (length + tag for length in run.lengths))
        self.segments = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", run.stride))]
        self.lengths, self.places = self._all_lengths[:count], self._places(run.stride, count)

    def _make_places(self, stride: int, count: int) -> list[Any]:
        return [self._memory + at * stride for at in range(count)]


@cache
def _bench() -> _Bench:
    return _Bench()
