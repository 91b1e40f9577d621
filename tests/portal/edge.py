"""A stand-in for the far end of a tunnel: TLS under public names, each of which leads to a port of this machine.

It does what matters of the real one: takes only names that it knows, adds headers that say who came, limits bodies, cuts
idle WebSockets, and has bad days.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.portal.certificate import self_signed
from tests.portal.meddling import Meddler

HEAD_BYTES = 64 * 1024
BODY_BYTES = 100 * 1024 * 1024


@dataclass
class Edge:
    """`names`: host → port. `idle_seconds`: a WebSocket on which nothing is said so long is cut. `down`: no tunnel.
    `meddler`: who reads WebSockets, and perhaps changes them."""

    names: dict[str, int] = field(default_factory=dict)
    idle_seconds: float = 100.0
    down: bool = False
    port: int = 0
    meddler: Meddler | None = None
    requests: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection; one request on it, or a WebSocket."""
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            await self._answer(head, reader, writer)
        writer.close()

    async def _answer(self, head: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        self.requests.append(head[0])
        origin = self.names.get(lines.get("host", "").partition(":")[0])
        if self.down or origin is None:
            return await _refuse(writer, "530 Origin is unreachable" if self.down else "404 Not Found")
        if int(lines.get("content-length", "0")) > BODY_BYTES:
            return await _refuse(writer, "413 Content Too Large")
        upgrade = "upgrade" in lines
        there, back = await asyncio.open_connection("127.0.0.1", origin)
        back.write("\r\n".join([head[0], *self._forwarded(head[1:], upgrade), "", ""]).encode("latin-1"))
        idle = self.idle_seconds if upgrade else None
        if upgrade and self.meddler:
            ways = [self.meddler.copy(reader, back, has_head=False), self.meddler.copy(there, writer, has_head=True)]
        else:
            ways = [_copy(reader, back, idle), _copy(there, writer, idle)]
        copying = [asyncio.ensure_future(_quietly(way)) for way in ways]
        try:
            await asyncio.wait(copying, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0.05)  # what is under way still arrives
        finally:
            back.close()

    @staticmethod
    def _forwarded(lines: list[str], upgrade: bool) -> list[str]:
        ours = ("connection:", "x-forwarded-proto:", "cf-connecting-ip:")
        kept = [line for line in lines if line and not line.lower().startswith("sec-websocket-extensions:")]
        kept = [line for line in kept if (upgrade or not line.lower().startswith("connection:"))]
        kept = [line for line in kept if not line.lower().startswith(ours[1:])]
        added = ["CF-Connecting-IP: 203.0.113.9", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https"]
        return [*kept, *added, *([] if upgrade else ["Connection: close"])]


async def _refuse(writer: asyncio.StreamWriter, status: str) -> None:
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(status)}\r\nConnection: close\r\n\r\n{status}".encode())
    await writer.drain()


async def _quietly(way: Coroutine[Any, Any, None]) -> None:
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
        await way


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle: float | None) -> None:
    with suppress(OSError, TimeoutError, ssl.SSLError):
        while piece := await asyncio.wait_for(reader.read(65_536), idle):
            writer.write(piece)
            await writer.drain()


@contextmanager
def edge(folder: Path, **names: int) -> Iterator[Edge]:
    """Runs until the end of the block; further names may be added."""
    made = Edge({name.replace("_", "."): port for name, port in names.items()})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(folder, "edge.test"))
    ready, loop = threading.Event(), asyncio.new_event_loop()

    async def run() -> None:
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context, limit=HEAD_BYTES)
        made.port = server.sockets[0].getsockname()[1]
        ready.set()
        with suppress(asyncio.CancelledError):
            await server.serve_forever()

    task: list[asyncio.Task[None]] = []

    def work() -> None:
        asyncio.set_event_loop(loop)
        task.append(loop.create_task(run()))
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task[0])
        left = asyncio.all_tasks(loop)
        for one in left:
            one.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=work, name="edge")
    thread.start()
    ready.wait(5)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(task[0].cancel)
        thread.join(5)
