"""The one media thread and its asyncio loop; the only crossing between threads and asyncio."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from pi_cam.errors import NotReady

log = logging.getLogger(__name__)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LANES = {"devices": 6, "sockets": 6, "stills": 1, "rights": 1, "names": 2}
"""Threads for what may block while the loop goes on, apart from each other: a page that does not read holds a socket's
thread for seconds, and must not keep a camera from being closed. `names`: where libraries look up hosts."""


class Loop:
    """An asyncio loop in a thread of its own. `post` and `call` come from any other thread; `run_blocking` from inside."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def start(self) -> None:
        """Starts the thread; returns when the loop runs."""
        running = threading.Event()
        self._pools = {name: ThreadPoolExecutor(size, thread_name_prefix=name) for name, size in LANES.items()}
        self._thread = threading.Thread(target=self._run, args=(running,), name="media", daemon=True)
        self._thread.start()
        running.wait()

    def stop(self) -> None:
        """Cancels what still runs, ends the thread. Takes at most a few seconds."""
        loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(5)
            self._thread = None
        while self._pools:
            self._pools.popitem()[1].shutdown(wait=False, cancel_futures=True)

    def state(self) -> dict[str, object]:
        """Whether the thread lives."""
        return {"running": self._thread is not None and self._thread.is_alive()}

    def post(self, function: Callable[[*Ts], object], *args: *Ts) -> None:
        """Runs `function` soon in the loop; returns at once; does nothing when the loop has ended. From any thread."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # closed since the look above: a camera's thread may outlive the loop for an instant
            log.debug("posted after the end")

    def call(self, coroutine: Coroutine[object, object, T], timeout: float = 5.0) -> T:
        """Runs the coroutine in the loop and waits for its result, from any other thread.

        Raises what it raises; `NotReady` when the loop has ended, and after `timeout` seconds (it is then cancelled).
        """
        loop = self._loop
        if loop is None:
            coroutine.close()
            raise NotReady("This camera is starting again.")
        try:
            future: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, loop)
        except RuntimeError:  # closed since the look above
            coroutine.close()
            raise NotReady("This camera is starting again.") from None
        try:
            return future.result(timeout)
        except CancelledError:
            raise NotReady("This camera is starting again.") from None
        except TimeoutError:
            if future.done():  # its own
                raise
            future.cancel()
            raise NotReady("This camera is too busy to answer.") from None

    async def run_blocking(self, function: Callable[[*Ts], T], *args: *Ts, lane: str = "devices") -> T:
        """Runs a blocking function in a thread of this lane, from inside the loop. Raises `NotReady` after the end."""
        pool = self._pools.get(lane)
        if pool is None:
            raise NotReady("This camera is starting again.")
        return await asyncio.get_running_loop().run_in_executor(pool, function, *args)

    def _run(self, running: threading.Event) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.set_default_executor(self._pools["names"])
        self._loop = loop
        loop.call_soon(running.set)
        try:
            loop.run_forever()
        finally:
            self._drain(loop)
            asyncio.set_event_loop(None)
            loop.close()

    @staticmethod
    def _drain(loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(asyncio.sleep(0))  # what was handed over at the last moment becomes a task
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=2))
        loop.run_until_complete(loop.shutdown_asyncgens())
