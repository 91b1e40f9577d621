"""The fan-out: edited sequences of units, a camera with rules, and time that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_cam.errors import CameraStopped, MissingPart, SourceUnreachable
from pi_cam.hub import Hub
from pi_cam.media.units import AccessUnit
from pi_cam.recent import REMEMBERED_BYTES
from pi_cam.subscription import Subscription
from tests.unit import virtual_time
from tests.unit.fake_camera import TICKS, FakeBridge, FakeSource

GRACE = 5.0
QUICKLY = 0.05
"""Longer than an opening, shorter than any timer."""

Scenario = Callable[[Hub, FakeSource], Awaitable[None]]


def play(scenario: Scenario, *, askable: bool = True, stopped: bool = False) -> None:
    """Runs a scenario on a new hub; afterwards everything must have ended and no rule been broken."""

    async def run() -> None:
        source = FakeSource(askable=askable)
        hub = Hub(source, FakeBridge(source), grace=GRACE, stopped=stopped, clock=virtual_time.now)
        await scenario(hub, source)
        await hub.close()
        assert not source.running or source.fails_to_start
        assert source.violations == []

    virtual_time.run(run())


async def settled() -> None:
    await asyncio.sleep(QUICKLY)


async def taken(subscription: Subscription) -> list[AccessUnit]:
    """All that waits once the loop is at rest."""
    await asyncio.sleep(0.001)
    return subscription.waiting_units()


def test_nothing_comes_before_a_keyframe() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        viewer = hub.subscribe()
        await settled()
        source.picture()
        source.picture()
        expected = source.group(3)
        assert await taken(viewer) == expected

    play(scenario)


def test_an_unarmed_subscription_opens_the_camera_but_takes_nothing_until_armed() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        viewer = hub.subscribe(armed=False)
        await settled()
        assert source.is_open()
        source.group(3)
        assert await taken(viewer) == []
        viewer.arm()
        viewer.arm()
        assert len(source.asked_at) == 1
        source.picture()
        expected = source.group(2)
        assert await taken(viewer) == expected

    play(scenario)


def test_an_overflow_drops_all_counts_it_and_begins_again_at_a_keyframe() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        viewer = hub.subscribe(4)
        await settled()
        source.group(4)
        await asyncio.sleep(1)
        asked = len(source.asked_at)
        source.picture()
        source.picture()
        await asyncio.sleep(0)
        assert (viewer.dropped, hub.stats().drops) == (5, 5)
        assert len(source.asked_at) == asked + 1
        expected = source.group(2)
        assert await taken(viewer) == expected

    play(scenario)


def test_a_keyframe_that_overflows_takes_the_place_of_what_waited() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        viewer = hub.subscribe(4)
        await settled()
        source.group(4)
        await asyncio.sleep(1)
        asked = len(source.asked_at)
        expected = source.group(2)
        assert await taken(viewer) == expected
        assert (viewer.dropped, len(source.asked_at)) == (4, asked)

    play(scenario)


def test_a_slow_viewer_never_slows_a_fast_one() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        slow, fast = hub.subscribe(3), hub.subscribe(3)
        await settled()
        got, expected = [], []
        for index in range(50):
            expected.append(source.picture(keyframe=index % 10 == 0))
            got += await taken(fast)
        assert got == expected
        assert fast.dropped == 0
        assert slow.dropped == 20
        assert len(slow.waiting_units()) <= 3

    play(scenario)


def test_a_waiting_viewer_gets_each_unit_in_order_and_an_end() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        viewer = hub.subscribe()
        got: list[AccessUnit] = []

        async def watch() -> None:
            got.extend([unit async for unit in viewer])

        watching = asyncio.create_task(watch())
        await settled()
        expected = source.group(5)
        await settled()
        viewer.close()
        viewer.close()
        await watching
        assert got == expected

    play(scenario)


def test_the_camera_opens_at_once_and_closes_after_the_grace_period() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        assert hub.state == "idle"
        viewer = hub.subscribe()
        await asyncio.sleep(0.001)
        assert source.is_open()
        viewer.close()
        await asyncio.sleep(GRACE - 0.01)
        assert source.is_open()
        await settled()
        assert not source.is_open()
        assert hub.state == "idle"

    play(scenario)


def test_a_new_viewer_within_the_grace_period_keeps_the_camera_open() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        hub.subscribe().close()
        await asyncio.sleep(GRACE - 0.1)
        viewer = hub.subscribe()
        await asyncio.sleep(GRACE * 2)
        assert (source.running, source.openings) == (True, 1)
        viewer.close()
        await asyncio.sleep(GRACE - 0.1)
        assert source.is_open()
        await asyncio.sleep(0.2)
        assert not source.is_open()

    play(scenario)


def test_each_departure_begins_the_grace_period_anew() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        hub.subscribe().close()
        await asyncio.sleep(GRACE - 1)
        hub.subscribe().close()
        await asyncio.sleep(GRACE - 1)
        assert source.is_open()
        await asyncio.sleep(2)
        assert not source.is_open()

    play(scenario)


def test_one_of_two_viewers_that_leaves_does_not_close_the_camera() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        hub.subscribe()
        hub.subscribe().close()
        await asyncio.sleep(GRACE * 2)
        assert source.is_open()

    play(scenario)


def test_stop_ends_every_subscription_at_once_and_nothing_comes_later() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        viewers = [hub.subscribe() for _ in range(3)]
        await settled()
        source.group(5)
        await asyncio.sleep(0)
        source.picture(keyframe=True)  # posted, but not yet delivered
        await hub.stop()
        for viewer in viewers:
            assert viewer.closed
            assert await viewer.next() is None
        source.picture(keyframe=True)
        await settled()
        assert [viewer.waiting_units() for viewer in viewers] == [[], [], []]
        assert not source.is_open()
        assert hub.stats().subscribers == 0

    play(scenario)


def test_a_stopped_camera_lets_nobody_in_until_it_is_started() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        with pytest.raises(CameraStopped):
            hub.subscribe()
        assert hub.stats().state == "stopped"
        await hub.stop()
        await hub.start()
        assert hub.stats().state == "idle"
        hub.subscribe()
        await settled()
        assert source.is_open()

    play(scenario, stopped=True)


def test_units_of_an_earlier_opening_never_appear() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        hub.subscribe()
        await settled()
        emit_of_the_first_opening = source._emit
        await hub.stop()
        await settled()
        await hub.start()
        viewer = hub.subscribe()
        await settled()
        emit_of_the_first_opening(AccessUnit(b"old", 1, True, 0.0))
        expected = source.group(2)
        assert await taken(viewer) == expected

    play(scenario)


@pytest.mark.parametrize("start_takes", [0.01, 1.0])
@pytest.mark.parametrize("stop_takes", [0.01, 2.0])
def test_opening_and_closing_never_overlap_whatever_the_order_of_wishes(start_takes: float, stop_takes: float) -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        source.start_takes, source.stop_takes = start_takes, stop_takes
        for pause in (0.0, 0.005, 0.5, 1.5, 0.0, 2.5):
            hub.subscribe()
            await asyncio.sleep(pause)
            await hub.stop()
            await asyncio.sleep(pause / 3)
            await hub.start()
        viewer = hub.subscribe()
        await asyncio.sleep(10)
        assert source.is_open()
        expected = source.group(2)
        assert await taken(viewer) == expected

    play(scenario)


def test_close_waits_until_the_camera_is_closed() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        source.start_takes = source.stop_takes = 1.5
        hub.subscribe()
        await asyncio.sleep(0.1)
        await hub.close()
        assert not source.is_open()
        await hub.close()

    play(scenario)


def test_keyframe_requests_of_many_viewers_become_one() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        viewers = [hub.subscribe() for _ in range(5)]
        await settled()
        source.group(1)
        await asyncio.sleep(1)
        source.asked_at.clear()
        for _ in viewers:
            hub.request_keyframe()
        await asyncio.sleep(0.2)
        hub.request_keyframe()
        assert len(source.asked_at) == 1
        source.group(1)
        await asyncio.sleep(0.01)
        hub.request_keyframe()
        await asyncio.sleep(0.5)
        assert len(source.asked_at) == 2
        assert source.asked_at[1] - source.asked_at[0] == pytest.approx(0.3)

    play(scenario)


def test_a_request_while_nobody_watches_or_of_a_camera_that_cannot_be_asked_goes_nowhere() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        hub.request_keyframe()
        source.askable = False
        hub.subscribe()
        await settled()
        hub.request_keyframe()
        assert source.asked_at == []

    play(scenario)


def test_a_newcomer_to_a_camera_that_cannot_be_asked_is_fast_forwarded_to_the_present() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        hub.subscribe()
        await settled()
        source.group(10)
        past = source.group(7)
        await settled()
        newcomer = hub.subscribe(3)
        present = source.picture()
        units = await taken(newcomer)
        assert [unit.data for unit in units] == [unit.data for unit in [*past, present]]
        assert [later.pts - earlier.pts for earlier, later in pairwise(units)] == [90] * 6 + [TICKS]
        assert units[6].pts == past[-1].pts
        assert units[0].keyframe
        assert newcomer.dropped == 0

    play(scenario, askable=False)


def test_after_the_past_the_queue_is_as_short_as_was_asked() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        hub.subscribe()
        await settled()
        source.group(20)
        await settled()
        newcomer = hub.subscribe(3)
        for _ in range(20):
            await newcomer.next()
        waiting = asyncio.create_task(newcomer.next())
        await settled()
        for _ in range(5):
            source.picture()
        keyframe = source.picture(keyframe=True)
        assert await waiting == keyframe
        assert newcomer.dropped == 4

    play(scenario, askable=False)


def test_what_is_kept_of_the_past_is_bounded_in_bytes() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        hub.subscribe()
        await settled()
        source.picture(keyframe=True)
        for _ in range(5):
            source.picture(size=REMEMBERED_BYTES // 4)
        await settled()
        newcomer = hub.subscribe()
        source.picture()
        assert await taken(newcomer) == []
        expected = source.group(2)
        assert await taken(newcomer) == expected

    play(scenario, askable=False)


def test_the_past_is_forgotten_with_the_opening_and_in_trouble() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        hub.subscribe()
        await settled()
        source.group(3)
        source.report(SourceUnreachable("It went silent."))
        await settled()
        assert await taken(hub.subscribe()) == []
        source.group(3)
        await settled()
        await hub.stop()
        await settled()
        await hub.start()
        assert await taken(hub.subscribe()) == []

    play(scenario, askable=False)


def test_trouble_is_reported_and_cleared() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        states: list[tuple[str, str | None]] = []
        forget = hub.watch(lambda: states.append((hub.state, hub.stats().trouble)))
        hub.subscribe()
        await settled()
        source.group(1)
        await settled()
        silent = SourceUnreachable("It went silent.")
        for trouble in (silent, silent, None):
            source.report(trouble)
            await settled()
        source.picture()
        await settled()
        assert states == [
            ("starting", None),
            ("live", None),
            ("unreachable", "It went silent."),
            ("starting", None),
            ("live", None),
        ]
        forget()
        forget()
        await hub.stop()
        assert len(states) == 5

    play(scenario)


def test_trouble_of_the_opening_before_is_not_that_of_the_next() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        source.stop_takes = 1.0
        hub.subscribe()
        await settled()
        source.report(SourceUnreachable("It went silent."))
        await settled()
        await hub.stop()
        await asyncio.sleep(0.1)
        await hub.start()
        hub.subscribe()
        shown: list[str] = []
        hub.watch(lambda: shown.append(hub.state))
        before = hub.state
        await asyncio.sleep(3)
        assert hub.state == "starting"
        assert before == "starting" or shown == ["starting"], "nobody was told that the trouble is over"

    play(scenario)


@pytest.mark.parametrize(
    ("error", "sentence"), [(MissingPart("Install it."), "Install it."), (ValueError("driver"), "not foreseen")]
)
def test_a_camera_that_cannot_be_opened_says_so_and_can_be_tried_again(error: Exception, sentence: str) -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        source.fails_to_start = error
        viewer = hub.subscribe()
        await settled()
        assert hub.stats().state == "unreachable"
        assert sentence in (hub.stats().trouble or "")
        source.fails_to_start = None
        viewer.close()
        await asyncio.sleep(GRACE + 1)
        viewer = hub.subscribe()
        await settled()
        expected = source.group(1)
        assert await taken(viewer) == expected
        assert hub.stats().state == "live"

    play(scenario)


@pytest.mark.parametrize("error", [MissingPart("Install it."), OSError("driver")])
def test_a_camera_that_fails_to_close_does_not_end_the_hub(error: Exception) -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        source.fails_to_stop = error
        hub.subscribe().close()
        await asyncio.sleep(GRACE + 1)
        assert hub.state == "idle"
        viewer = hub.subscribe()
        await settled()
        expected = source.group(1)
        assert await taken(viewer) == expected

    play(scenario)


def test_numbers_are_shown_while_pictures_flow() -> None:
    async def scenario(hub: Hub, source: FakeSource) -> None:
        assert hub.stats().fps is None
        hub.subscribe()
        await settled()
        for index in range(31):
            source.picture(keyframe=index == 0, size=1_000)
            await asyncio.sleep(0.1)
        stats = hub.stats()
        assert (stats.state, stats.fps, stats.bitrate) == ("live", 10.0, 80_000)
        await hub.stop()
        assert (hub.stats().state, hub.stats().fps, hub.stats().bitrate) == ("stopped", None, None)

    play(scenario)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("subscribe"), st.integers(1, 4)),
        st.tuples(st.sampled_from(["close", "take"]), st.integers(0, 4)),
        st.tuples(st.just("pictures"), st.lists(st.booleans(), max_size=6)),
        st.tuples(st.just("pause"), st.sampled_from([0.0, 0.005, 0.02, 0.4, GRACE + 0.1])),
        st.tuples(st.sampled_from(["stop", "start", "hide", "show", "ask", "trouble"]), st.none()),
    ),
    max_size=40,
)


class Watched:
    """A subscription, the units that came out of it, and its bound."""

    def __init__(self, subscription: Subscription, limit: int) -> None:
        self.subscription = subscription
        self.limit = limit
        self.last: AccessUnit | None = None
        self.dropped = 0

    def take(self, *, askable: bool) -> None:
        units = self.subscription.waiting_units()
        if askable:
            assert len(units) <= self.limit
        if units and (self.last is None or self.subscription.dropped != self.dropped):
            # What came before the drop was dropped too, so that the first of these is the first after the gap.
            assert units[0].keyframe
        for unit in units:
            assert self.last is None or unit.pts > self.last.pts
            self.last = unit
        self.dropped = self.subscription.dropped


class Walk:
    """People who come and go, a person who stops and starts, a camera that does what it likes."""

    def __init__(self, hub: Hub, source: FakeSource) -> None:
        self.hub, self.source = hub, source
        self.viewers: list[Watched] = []
        self.stopped = self.hidden = False

    async def step(self, name: str, value: Any) -> None:
        """One step, and what must hold after each."""
        steps: dict[str, Callable[[Any], Awaitable[object]]] = {
            "subscribe": self.subscribe,
            "close": self.close,
            "take": self.take,
            "pictures": self.pictures,
            "pause": asyncio.sleep,
            "stop": self.stop,
            "start": self.start,
            "hide": self.hide,
            "show": self.show,
            "ask": self.ask,
            "trouble": self.trouble,
        }
        await steps[name](value)
        assert all(not viewer.subscription.waiting_units() for viewer in self.viewers if viewer.subscription.closed)
        assert self.hub.stats().subscribers == len(self.present())
        assert (self.hub.state == "privacy") == self.hidden
        assert (self.hub.state == "stopped") == (self.stopped and not self.hidden)

    def present(self) -> list[Watched]:
        return [viewer for viewer in self.viewers if not viewer.subscription.closed]

    async def subscribe(self, limit: int) -> None:
        if not (self.stopped or self.hidden):
            self.viewers.append(Watched(self.hub.subscribe(limit), limit))
            return
        with pytest.raises(CameraStopped):
            self.hub.subscribe(limit)

    async def take(self, number: int) -> None:
        for viewer in self.viewers[number : number + 1]:
            viewer.take(askable=self.source.askable)

    async def close(self, number: int) -> None:
        await self.take(number)
        for viewer in self.viewers[number : number + 1]:
            viewer.subscription.close()

    async def pictures(self, keyframes: list[bool]) -> None:
        for keyframe in keyframes if self.source.running else ():
            self.source.picture(keyframe=keyframe)

    async def stop(self, _: object) -> None:
        await self.hub.stop()
        self.stopped = True
        assert self.present() == []

    async def start(self, _: object) -> None:
        await self.hub.start()
        self.stopped = False

    async def hide(self, _: object) -> None:
        await self.hub.hide()
        self.hidden = True
        assert self.present() == []

    async def show(self, _: object) -> None:
        await self.hub.show()
        self.hidden = False

    async def ask(self, _: object) -> None:
        self.hub.request_keyframe()

    async def trouble(self, _: object) -> None:
        self.source.report(SourceUnreachable("It went silent."))


async def random_walk(hub: Hub, source: FakeSource, steps: list[tuple[str, object]]) -> None:
    walk = Walk(hub, source)
    for name, value in steps:
        await walk.step(name, value)
    await asyncio.sleep(GRACE + 1)
    assert source.running == bool(walk.present())
    assert all(later - earlier >= 0.299 for earlier, later in pairwise(source.asked_at))


@settings(max_examples=150, deadline=None)
@given(STEPS, st.booleans())
def test_whatever_happens_queues_are_bounded_and_every_gap_ends_with_a_keyframe(
    steps: list[tuple[str, object]], askable: bool
) -> None:
    play(lambda hub, source: random_walk(hub, source, steps), askable=askable)
