"""A way between this network and a browser's own that delays and loses packets, as the Internet does: two TUN interfaces and
a program between them, because not every kernel has netem.

    this namespace 10.97.0.1 ── python -m tests.rough_path ── 10.97.0.2 the browser's

The kernel cuts what was sent in one piece apart before a TUN interface gets it, so that packets are lost one by one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.far_side import HERE, holder

TUN = "/dev/net/tun"
NEAR, FAR = "10.97.0.1", "10.97.0.2"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
"""linux/if_tun.h"""

MTU = 1500
UDP = 17
CLONE_NEWNET = 0x4000_0000


@dataclass
class RoughPath:
    """`browsers`: the process that holds the browser's namespace."""

    folder: Path
    browsers: int

    def program(self, path: str) -> Path:
        """A program that runs the one at `path` in the browser's network."""
        script = self.folder / f"rough-{Path(path).name}"
        script.write_text(f'#!/bin/sh\nexec nsenter --net=/proc/{self.browsers}/ns/net {path} "$@"\n')
        script.chmod(0o755)
        return script


@contextmanager
def rough_path(folder: Path, *, delay: float = 0.0, loss: float = 0.0) -> Iterator[RoughPath]:
    """Until the end of the block. `delay`: seconds, each way; `loss`: the share of UDP packets that are lost, each way."""
    with holder() as browsers:
        command = [sys.executable, "-m", "tests.rough_path", str(browsers), str(delay), str(loss)]
        there = ["nsenter", f"--net=/proc/{browsers}/ns/net"]
        with subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n", "no TUN interfaces"
            _configure("rough0", NEAR)
            _configure("rough1", FAR, there)
            yield RoughPath(folder, browsers)
            process.stdin.close()


def _configure(name: str, address: str, prefix: Sequence[str] = ()) -> None:
    for line in ("link set lo up", f"address add {address}/30 dev {name}", f"link set {name} up mtu {MTU}"):
        subprocess.run([*prefix, "ip", *line.split()], check=True, capture_output=True, timeout=10)


class _Way:
    """From one interface to the other."""

    def __init__(self, source: int, target: int, delay: float, loss: float, seed: int) -> None:
        self._source, self._target, self._delay, self._loss = source, target, delay, loss
        self._chance = random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(source, self._read)

    def _read(self) -> None:
        packet = os.read(self._source, 2 * MTU)
        if len(packet) > 9 and packet[0] >> 4 == 4 and packet[9] == UDP and self._chance.random() < self._loss:
            return
        if self._delay:
            self._loop.call_later(self._delay, self._write, packet)
        else:
            self._write(packet)

    def _write(self, packet: bytes) -> None:
        with contextlib.suppress(OSError):  # the other side is down, or full: as if it were lost
            os.write(self._target, packet)


def _interface(name: str) -> int:
    descriptor = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def _enter(process: int) -> None:
    """The network of that process, for what this thread opens from now on."""
    with Path(f"/proc/{process}/ns/net").open() as space:
        if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter the browser's network")


async def _carry(browsers: int, delay: float, loss: float) -> None:
    near = _interface("rough0")
    _enter(browsers)
    far = _interface("rough1")
    ways = [_Way(near, far, delay, loss, 1), _Way(far, near, delay, loss, 2)]
    sys.stdout.write("up\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    del ways


if __name__ == "__main__":
    asyncio.run(_carry(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
