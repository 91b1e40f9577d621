"""When the camera's own Wi-Fi comes and goes: the rules, with a clock that the test holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.setup_wizard import netd
from pi_cam.setup_wizard.hotspot import Facts, Hotspot, Times

ALONE = Facts(radio=True, online=False, cable=False, known=False, joining=False)
AWAY = replace(ALONE, known=True)
HOME = replace(AWAY, online=True)
TIMES = Times()
STEP = 5.0


class World:
    def __init__(self, *, allowed: bool = True) -> None:
        self.now = 1000.0
        self.rule = Hotspot(lambda: self.now, allowed=allowed)

    def after(self, seconds: float, facts: Facts) -> bool:
        """The facts stay for so long; whether the hotspot is up then."""
        end = self.now + seconds
        up = self.rule.decide(facts)
        while self.now < end:
            self.now = min(end, self.now + STEP)
            up = self.rule.decide(facts)
        return up


def test_a_camera_that_knows_no_network_opens_it_soon_and_for_a_time() -> None:
    world = World()
    assert not world.after(TIMES.settle - 1, ALONE), "a cable may be about to answer"
    assert world.after(2, ALONE)
    assert world.after(TIMES.first - 10, ALONE)
    assert not world.after(20, ALONE)
    assert not world.after(86400, ALONE), "an open door closes, until the power is cut or somebody asks"
    world.rule.ask()
    assert world.after(1, ALONE)


def test_a_cable_makes_it_needless() -> None:
    world = World()
    wired = replace(ALONE, cable=True)
    assert not world.after(3600, wired)
    assert world.after(TIMES.settle + 1, ALONE)
    assert not world.after(1, wired)
    world.rule.ask()
    assert not world.after(1, wired), "a phone in it would be led into the network behind the cable"


def test_a_known_network_gets_time_after_a_power_cut() -> None:
    world = World()
    assert not world.after(TIMES.start - 1, AWAY)
    assert not world.after(3600, HOME)


def test_the_home_network_is_away_for_long() -> None:
    world = World()
    world.after(60, HOME)
    assert not world.after(TIMES.lost - STEP, AWAY)
    assert world.after(2 * STEP, AWAY)
    assert world.after(TIMES.turn - 3 * STEP, AWAY)
    assert not world.after(4 * STEP, AWAY), "the radio looks for the home's network again"
    assert not world.after(TIMES.rest - 5 * STEP, AWAY)
    assert world.after(6 * STEP, AWAY), "and again, for as long as it takes"


def test_a_short_absence_is_nothing() -> None:
    world = World()
    for _ in range(5):
        world.after(60, HOME)
        assert not world.after(TIMES.lost - STEP, AWAY)


def test_after_a_wrong_password_it_is_back_at_once() -> None:
    world = World()
    world.after(TIMES.settle + 1, ALONE)
    joining = replace(ALONE, joining=True)
    assert not world.after(30, joining)
    world.rule.failed()
    assert world.rule.decide(ALONE)
    assert world.after(TIMES.first - 10, ALONE), "with its time from the beginning"


def test_after_a_right_one_it_is_gone() -> None:
    world = World()
    world.rule.ask()
    assert world.after(1, ALONE)
    assert not world.after(30, replace(ALONE, joining=True))
    assert not world.after(3600, HOME), "what somebody asked for is done"


def test_nobody_is_interrupted_but_nobody_keeps_it_up_for_ever() -> None:
    world = World()
    world.after(TIMES.settle + 1, ALONE)
    start = world.now
    while world.after(30, ALONE):
        world.rule.visited()
        assert world.now - start < 3 * TIMES.first
    assert TIMES.first < world.now - start <= 2 * TIMES.first + 60


def test_who_asks_for_it_gets_it_in_spite_of_a_network() -> None:
    world = World()
    assert not world.after(60, HOME)
    world.rule.ask()
    assert world.after(TIMES.turn - STEP, HOME)
    assert not world.after(2 * STEP, HOME)


def test_where_it_is_not_allowed_it_comes_only_when_asked() -> None:
    world = World(allowed=False)
    assert not world.after(3600, ALONE)
    world.rule.ask()
    assert world.after(1, ALONE)


def test_a_radio_that_refuses_is_left_alone_for_a_while() -> None:
    world = World()
    assert world.after(TIMES.settle + 1, ALONE)
    world.rule.refused()
    assert not world.after(TIMES.refused - 1, ALONE)
    assert world.after(2, ALONE)


@given(
    st.lists(st.tuples(st.floats(0.1, 900), *[st.booleans()] * 5, st.sampled_from(["", "ask", "failed", "visited"])))
)
def test_whatever_happens(story: list[tuple[float, bool, bool, bool, bool, bool, str]]) -> None:
    """Never up without a radio or in the way of a join; never longer than twice the longest limit without being asked."""
    world, since = World(), None
    for seconds, radio, online, cable, known, joining, event in story:
        if event:
            getattr(world.rule, event)()
            since = None
        world.now += seconds
        up = world.rule.decide(Facts(radio, online, cable, known, joining))
        assert not up or (radio and not joining and not cable)
        since = None if not up else since or world.now
        assert since is None or world.now - since <= 2 * TIMES.first + 900


@pytest.mark.parametrize(
    ("said", "lost"),
    [("20", 20), (" 86400 ", 86400), ("", 300), ("9", 300), ("86401", 300), ("-20", 300), ("2e2", 300), ("soon", 300)],
)
def test_how_long_a_network_may_be_away_is_the_operators_to_say(said: str, lost: float) -> None:
    assert netd.times({"PI_CAM_NETD_LOST": said}).lost == lost
    assert netd.times({}).lost == Times().lost
