"""Where one viewer's packets leave: encrypted where they lie, and handed to the kernel by as few calls as it allows."""

from __future__ import annotations

import errno
import logging
import socket
import struct
from functools import cache, lru_cache
from typing import Any

from pi_cam.transport import webrtc_seam_sender as seam
from pi_cam.transport.rtp_packets import SEGMENTS_MAX, Run

log = logging.getLogger(__name__)

UDP_SEGMENT = 103
"""udp(7). Python's socket module has no name for it."""

_NO_SEGMENTS = frozenset({errno.EIO, errno.EINVAL, errno.EMSGSIZE, errno.ENOPROTOOPT, errno.EOPNOTSUPP})
"""What a kernel without it says, or a network card that cannot do the checksums."""

BUFFER_BYTES = 72 * 1024
"""More than a run has. One buffer serves all viewers: all of this happens in the media loop, and nothing stays in it."""

_put_number = struct.Struct("!H").pack_into


class Wire:
    """`outlet`: the connection that it belongs to."""

    def __init__(self, outlet: seam.Outlet) -> None:
        self.tag = outlet.tag
        self._outlet = outlet
        self._pair: object = None
        self._socket: socket.socket | None = None
        self._address: tuple[Any, ...] = ()
        self._segments = True
        _, self._view, self._length = _shared()

    def send(self, run: Run, sequence: int) -> bool:
        """Packets numbered from `sequence` on. False when there is no room for all of them, or no way out.

        Raises `seam.SealingError` when they cannot be encrypted."""
        end = self._seal(run, sequence)
        if not self._find_way():
            return False
        view = self._view[:end]
        try:
            if self._socket is None:
                for begin in range(0, end, run.stride):
                    self._outlet.pass_on(bytes(view[begin : min(end, begin + run.stride)]))
            elif len(run.lengths) > 1 and self._segments:
                self._send_as_one(self._socket, view, run.stride)
            else:
                self._send_each(self._socket, view, run.stride)
        except BlockingIOError:
            return False
        except OSError as error:  # no route at the moment, a firewall that says so: as if it were lost on the way
            log.debug("not sent", extra={"cause": str(error)})
        return True

    def close(self) -> None:
        """May be called twice."""
        found, self._socket, self._pair = self._socket, None, None
        if found is not None:
            found.close()

    def _seal(self, run: Run, sequence: int) -> int:
        """How many bytes it came to."""
        view, out, tag = self._view, self._length, self.tag
        seal, context, at = seam.lib.srtp_protect, self._outlet.context, 2
        view[: len(run.block)] = run.block
        for place, length in zip(_places(run.stride), run.lengths, strict=False):
            _put_number(view, at, sequence & 0xFFFF)
            out[0] = length
            fault = seal(context, place, out)
            if fault:
                raise seam.SealingError(f"SRTP: status {fault}")
            sequence += 1
            at += run.stride
        if out[0] != run.lengths[-1] + tag:
            raise seam.SealingError(f"SRTP adds {out[0] - run.lengths[-1]} bytes to a packet, not {tag}")
        return (len(run.lengths) - 1) * run.stride + run.lengths[-1] + tag

    def _find_way(self) -> bool:
        """The pair of addresses may change while it is used (RFC 8445, 8.1.1)."""
        pair = self._outlet.pair()
        if pair is not self._pair:
            self.close()
            self._pair, self._segments = pair, True
            self._socket, self._address = self._outlet.way()
        return pair is not None

    def _send_as_one(self, way: socket.socket, view: memoryview, stride: int) -> None:
        try:
            way.sendmsg([view], [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", stride))], 0, self._address)
        except OSError as error:
            if error.errno not in _NO_SEGMENTS:
                raise
            self._segments = False
            self._send_each(way, view, stride)

    def _send_each(self, way: socket.socket, view: memoryview, stride: int) -> None:
        for begin in range(0, len(view), stride):
            way.sendto(view[begin : begin + stride], self._address)


@cache
def _shared() -> tuple[Any, memoryview, Any]:
    memory = seam.ffi.new("char[]", BUFFER_BYTES)
    return memory, memoryview(seam.ffi.buffer(memory)), seam.ffi.new("int *")


@lru_cache(maxsize=64)
def _places(stride: int) -> list[Any]:
    """Where packets begin in the buffer: the same for all viewers of a unit."""
    memory, _, _ = _shared()
    return [memory + at * stride for at in range(min(SEGMENTS_MAX, BUFFER_BYTES // stride))]
