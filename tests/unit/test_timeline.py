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


def test_sound_lies_where_pictures_of_its_time_are_captured() -> None:
    timeline = Timeline()
    assert timeline.place(0.0, 10.0) is None
    for index in range(300):
        late = 0.2 if index % 30 == 0 else 0.0
        arrived = 10 + index / 30 + late
        pts = timeline.stamp(500_000 + 3_000 * index, arrived)
        captured_at = timeline.captured_at(pts, arrived)
    place = timeline.place((500_000 + 3_000 * 299) / 90_000 + 0.01, 25.0)
    assert place is not None
    assert abs(place.at + place.lag - captured_at - 0.01) < 1e-4
    assert abs(captured_at - 10 - 299 / 30) < 0.02
    assert timeline.place(500_000 / 90_000, 40.0) is None


@given(st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 2**20)), st.floats(0, 1)), max_size=50))
def test_the_moment_of_capture_never_goes_back_nor_lies_in_the_future(pictures: list[tuple[int | None, float]]) -> None:
    timeline = Timeline()
    arrived, last = 100.0, 0.0
    for ticks, wait in pictures:
        arrived += wait
        captured_at = timeline.captured_at(timeline.stamp(ticks, arrived), arrived)
        assert last <= captured_at
        assert captured_at <= arrived
        last = captured_at


def test_a_camera_without_timestamps_may_be_heard_after_a_few_pictures() -> None:
    timeline = Timeline()
    begun = []
    for index in range(20):
        timeline.stamp(None, 1 + index / 10)
        begun.append(timeline.begun)
    assert (begun[0], begun[-1]) == (False, True)
    assert timeline.place(1.0, 3.0) is None
    timeline.restart()
    timeline.stamp(7, 4.0)
    assert timeline.begun


def test_moments_of_capture_never_go_back_when_the_network_turns_out_faster() -> None:
    timeline = Timeline()
    moments = []
    for number, arrived in enumerate((100.0, 100.1, 100.12, 100.14, 100.15)):  # each a little less late than the last
        pts = timeline.stamp(number * 3_600, arrived)
        moments.append(timeline.captured_at(pts, arrived))
    assert moments == sorted(moments)
    assert moments[-1] <= 100.15
