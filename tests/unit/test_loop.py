"""The crossing between threads and asyncio, on real threads."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator

import pytest

from pi_cam.errors import NotReady
from pi_cam.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    loop.start()
    yield loop
    loop.stop()


async def _thread_name() -> str:
    return threading.current_thread().name


def test_post_and_call_run_in_the_media_thread(loop: Loop) -> None:
    posted: queue.Queue[str] = queue.Queue()
    loop.post(lambda word: posted.put(f"{word} in {threading.current_thread().name}"), "hello")
    assert posted.get(timeout=5) == "hello in media"
    assert loop.call(_thread_name()) == "media"
    assert loop.state() == {"running": True}


def test_blocking_work_runs_elsewhere(loop: Loop) -> None:
    async def ask() -> str:
        return await loop.run_blocking(lambda: threading.current_thread().name)

    assert loop.call(ask()).startswith("devices")


def test_a_full_lane_does_not_hold_up_another(loop: Loop) -> None:
    go_on = threading.Event()

    async def ask() -> str:
        blocked = [asyncio.ensure_future(loop.run_blocking(go_on.wait, lane="sockets")) for _ in range(20)]
        try:
            return await asyncio.wait_for(loop.run_blocking(lambda: "closed"), 5)
        finally:
            go_on.set()
            await asyncio.gather(*blocked)

    assert loop.call(ask(), 10) == "closed"


def test_call_raises_what_the_coroutine_raises(loop: Loop) -> None:
    async def fail() -> None:
        raise LookupError("not here")

    with pytest.raises(LookupError, match="not here"):
        loop.call(fail())


def test_a_time_out_of_the_coroutine_itself_is_passed_on(loop: Loop) -> None:
    async def fail() -> None:
        raise TimeoutError("the camera was silent")

    with pytest.raises(TimeoutError, match="the camera was silent"):
        loop.call(fail())


def test_a_call_that_takes_too_long_is_cancelled(loop: Loop) -> None:
    cancelled = threading.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(NotReady, match="too busy"):
        loop.call(endless(), 0.01)
    assert cancelled.wait(5)


def test_stop_cancels_what_runs_and_wakes_those_who_wait(loop: Loop) -> None:
    begun = threading.Event()
    outcome: queue.Queue[BaseException] = queue.Queue()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    def wait() -> None:
        try:
            loop.call(endless(), 60)
        except NotReady as error:
            outcome.put(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    begun.wait(5)
    loop.stop()
    assert "starting again" in str(outcome.get(timeout=5))
    waiting.join()


def test_after_the_end_posts_are_lost_and_calls_refused(loop: Loop) -> None:
    loop.stop()
    loop.stop()
    loop.post(print, "never")
    with pytest.raises(NotReady, match="starting again"):
        loop.call(_thread_name())
    assert loop.state() == {"running": False}


def test_it_can_be_started_again(loop: Loop) -> None:
    loop.stop()
    loop.start()
    assert loop.call(_thread_name()) == "media"


def test_stop_before_start_does_nothing() -> None:
    Loop().stop()
