"""Where the delay comes from, as far as this side knows it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.media.units import AccessUnit
from pi_cam.transport.delay import SAMPLES, STAGES, SendingMeter, Shown, Spent, by_stage


def picture(captured: float, ready: float, *, encoded_here: bool = True) -> AccessUnit:
    return AccessUnit(b"", 0, False, captured, encoded_here, ready)


def test_nothing_is_known_before_the_first_picture_and_after_the_last() -> None:
    meter = SendingMeter()
    assert meter.read(10.0) == Spent()
    meter.count(picture(10.0, 10.02), 10.021, 10.023)
    assert meter.read(11.0) == Spent(20.0, 1.0, 2.0, 23.0)
    assert meter.read(12.5) == Spent()


def test_one_slow_picture_does_not_count_and_old_ones_are_forgotten() -> None:
    meter = SendingMeter()
    for number in range(2 * SAMPLES):
        at, slow = 10 + number / 30, number == SAMPLES + 5
        spent = 0.5 if slow else 0.01 if number < SAMPLES else 0.03
        meter.count(picture(at, at + spent), at + spent + 0.001, at + spent + 0.001)
    assert meter.read(10 + 2 * SAMPLES / 30) == Spent(30.0, 1.0, 0.0, 31.0)


def test_what_the_camera_did_before_is_not_known() -> None:
    meter = SendingMeter()
    meter.count(picture(10.0, 10.1, encoded_here=False), 10.101, 10.102)  # its network made it wait
    assert meter.read(10.2) == Spent(None, 1.0, 1.0, 102.0)


def test_a_source_that_is_ahead_of_itself_spends_nothing() -> None:
    meter = SendingMeter()
    meter.count(picture(10.1, 10.0), 10.05, 10.06)
    assert meter.read(10.2) == Spent(0.0, 50.0, 10.0, 0.0)


def test_a_unit_is_ready_when_it_is_made() -> None:
    first, second = AccessUnit(b"", 0, False, 1.0), AccessUnit(b"", 0, False, 1.0)
    assert first.ready_at <= second.ready_at
    assert first == second, "when is no part of what it is"
    assert not first.encoded_here


def test_both_sides_together() -> None:
    assert tuple(by_stage(Spent(), Shown())) == STAGES
    known = by_stage(Spent(1.0, 2.0, 3.0, 6.0), Shown(100, 80.0, 14.0))
    assert known == {"encode": 1.0, "hub": 2.0, "send": 3.0, "network": 80.0, "display": 14.0}


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["network", "display"]), inner),
)


@given(JSON, JSON)
def test_whatever_a_page_tells(delay: object, stages: object) -> None:
    found = Shown(1, 2.0, 3.0).told(delay, stages)
    assert found.delay is None or 0 <= found.delay <= 600_000
    for value in (found.network, found.display):
        assert value is None or 0 <= value <= 600_000


def test_nonsense_leaves_what_was_known() -> None:
    before = Shown(1, 2.0, 3.0)
    for network in (-1, 1e9, "1", float("nan"), [1]):
        assert before.told(-1, {"network": network, "display": 4}) == Shown(1, 2.0, 4)


@pytest.mark.parametrize("stages", [None, [], "network", {}])
def test_a_page_that_tells_nothing_knows_nothing(stages: object) -> None:
    assert Shown(1, 2.0, 3.0).told(None, stages) == Shown()
