"""A path that is tried by packets sent once more."""

from __future__ import annotations

import asyncio
from typing import Any

from pi_cam.transport.filling import Filling
from tests.unit.clock import Clock


def test_after_a_fault_it_can_be_wanted_again() -> None:
    sent: list[int] = []

    def refuse(count: int) -> int:
        raise ValueError("no")

    def send(count: int) -> int:
        sent.append(count)
        return count * 9600

    async def story() -> None:
        faults: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context["exception"]))
        clock = Clock()
        filling = Filling(refuse, lambda: 0.0, 9600.0, clock)
        filling.want(10_000_000)
        clock.now += 1
        async with asyncio.timeout(2):
            while not faults:  # noqa: ASYNC110  a timer's doing
                await asyncio.sleep(0.001)
        filling._send = send
        filling.want(10_000_000)
        clock.now += 1
        async with asyncio.timeout(2):
            while not sent:  # noqa: ASYNC110  a timer's doing
                await asyncio.sleep(0.001)
        filling.close()

    asyncio.run(story())
