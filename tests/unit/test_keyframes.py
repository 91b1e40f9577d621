"""When an encoder is asked for a keyframe."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pi_cam.keyframes import KeyframeRequests
from tests.unit import virtual_time


def asked_in(scenario: Callable[[KeyframeRequests], Awaitable[None]]) -> list[float]:
    """When the encoder was asked, in seconds since the scenario began."""

    async def run() -> list[float]:
        asked: list[float] = []
        began = virtual_time.now()
        requests = KeyframeRequests(lambda: asked.append(virtual_time.now() - began), virtual_time.now)
        await scenario(requests)
        return asked

    return virtual_time.run(run())


def test_the_first_request_is_passed_on_at_once_and_those_of_others_are_one_with_it() -> None:
    async def scenario(requests: KeyframeRequests) -> None:
        for _ in range(10):
            requests.request()
            await asyncio.sleep(0.05)

    assert asked_in(scenario) == [0.0]


def test_requests_are_three_tenths_of_a_second_apart() -> None:
    async def scenario(requests: KeyframeRequests) -> None:
        for _ in range(10):
            requests.request()
            requests.satisfied()
            await asyncio.sleep(0.1)

    assert asked_in(scenario) == pytest.approx([0.0, 0.3, 0.6, 0.9])


def test_a_request_that_came_too_early_is_made_later() -> None:
    async def scenario(requests: KeyframeRequests) -> None:
        requests.request()
        requests.satisfied()
        await asyncio.sleep(0.1)
        requests.request()
        await asyncio.sleep(0.9)

    assert asked_in(scenario) == pytest.approx([0.0, 0.3])


def test_any_keyframe_satisfies_a_request_that_waits() -> None:
    async def scenario(requests: KeyframeRequests) -> None:
        requests.request()
        requests.satisfied()
        requests.request()
        requests.satisfied()
        await asyncio.sleep(5)

    assert asked_in(scenario) == [0.0]


def test_a_request_that_was_lost_is_made_again_after_a_second() -> None:
    async def scenario(requests: KeyframeRequests) -> None:
        requests.request()
        await asyncio.sleep(2.5)
        requests.satisfied()
        await asyncio.sleep(5)

    assert asked_in(scenario) == pytest.approx([0.0, 1.0, 2.0])
