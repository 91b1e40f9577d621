"""One clock from many: reconnections, missing and jumping timestamps."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pi_cam.capture.timeline import Timeline


def test_the_cameras_own_spacing_is_kept() -> None:
    timeline = Timeline()
    stamps = [timeline.stamp(5_000 + 3_000 * index, 100 + index / 30 + index % 3 / 100) for index in range(9)]
    assert [later - earlier for earlier, later in pairwise(stamps)] == [3_000] * 8
    assert stamps[0] == 100 * 90_000


def test_a_missing_first_timestamp_is_replaced_by_the_arrival_time() -> None:
    timeline = Timeline()
    assert timeline.stamp(None, 10.0) == 900_000
    assert timeline.stamp(77, 10.1) == 909_000
    assert timeline.stamp(77 + 3_000, 10.2) == 912_000


def test_a_new_connection_goes_on_where_the_clock_is() -> None:
    timeline = Timeline()
    assert timeline.stamp(1_000_000, 10.0) == 900_000
    timeline.restart()
    assert timeline.stamp(0, 20.0) == 1_800_000


def test_a_jump_of_the_cameras_clock_begins_a_new_count() -> None:
    timeline = Timeline()
    timeline.stamp(0, 10.0)
    assert timeline.stamp(10**12, 10.1) == 909_000
    assert timeline.stamp(10**12 + 3_000, 10.2) == 912_000


@given(st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)), max_size=50))
def test_it_never_goes_back(ticks: list[int | None]) -> None:
    timeline = Timeline()
    stamps = [timeline.stamp(each, 5 + index / 100) for index, each in enumerate(ticks)]
    assert all(earlier < later for earlier, later in pairwise(stamps))
