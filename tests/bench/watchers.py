"""So many viewers in a process of their own, so that what they cost is not counted.

python -m tests.bench.watchers URL TOKEN COUNT      says `up` when all see pictures, and stays until its input ends
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from tests.peer import WhepPeer
from tests.server import Server


class _Count:
    """Takes the place of the list of packets, which would grow."""

    def __init__(self) -> None:
        self.number = 0

    def append(self, packet: object) -> None:
        self.number += 1

    def __len__(self) -> int:
        return self.number


@contextmanager
def watching(server: Server, token: str, count: int) -> Iterator[None]:
    """`count` viewers, who also listen, until the end of the block."""
    command = [sys.executable, "-m", "tests.bench.watchers", server.url, token, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said == "up\n", said
            yield
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


async def _watch(url: str, token: str, count: int) -> None:
    server = Server(url, None, Path(), cast(Any, None), Path())
    peers = [WhepPeer(server, token, decode=False, packets=cast(Any, _Count())) for _ in range(count)]
    for peer in peers:
        await peer.start()
    await asyncio.gather(*(peer.until(lambda peer=peer: len(peer.packets) > 50, 30) for peer in peers))  # type: ignore[misc]
    sys.stdout.write("up\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.gather(*(peer.close() for peer in peers))


if __name__ == "__main__":
    asyncio.run(_watch(sys.argv[1], sys.argv[2], int(sys.argv[3])))
