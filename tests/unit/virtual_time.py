"""An asyncio loop whose clock jumps to the next timer instead of waiting for it: tests of timers take no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

BEGINNING = 1_000.0


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Only the loop's own timers move the clock. A test that would wait for ever fails at once."""

    def __init__(self) -> None:
        self.now = BEGINNING
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.now


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everything waits, and no timer would end it")
        self._loop.now += timeout
        return super().select(0)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


def now() -> float:
    """The virtual time, as a clock to inject."""
    return asyncio.get_running_loop().time()
