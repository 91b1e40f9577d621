"""When it is looked for updates, and what is remembered of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.updates.plan import Plan
from pi_cam.updates.schedule import (
    LATE_SECONDS,
    MISSED_SECONDS,
    SETTLED_SECONDS,
    SPREAD_SECONDS,
    seconds_until,
    zone_of,
)

PARIS = ZoneInfo("Europe/Paris")
HOUR, DAY = 3600.0, 86_400.0


def at(text: str, zone: ZoneInfo = PARIS) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def until(now: str, last: str, *, up: float = 1e6, hour: int = 3, offset: float = 600.0) -> float:
    return seconds_until(at(now), at(last), up, hour=hour, offset=offset, zone=PARIS)


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        ("2026-11-29 12:00", "2026-11-29 03:20", "2026-11-30 03:10"),
        ("2026-11-29 03:20", "2026-11-29 03:20", "2026-11-30 03:10"),  # just looked: not once more in the same hour
        ("2026-11-29 02:00", "2026-11-28 03:20", "2026-11-29 03:10"),
        ("2026-11-29 05:00", "2026-11-28 03:20", "2026-11-29 05:00"),  # had no power at three: at once
        ("2026-11-29 09:00", "2026-11-28 03:20", "2026-11-30 03:10"),  # by day it waits for the next night
        ("2026-10-25 12:00", "2026-10-25 03:20", "2026-10-26 03:10"),  # the day that has 25 hours
        ("2026-03-28 12:00", "2026-03-28 03:20", "2026-03-29 03:10"),  # the day that has 23
        ("2026-11-29 12:00", "2027-01-01 00:00", "2026-11-30 03:10"),  # the clock was set back
    ],
)
def test_once_a_day_at_its_hour(now: str, last: str, due: str) -> None:
    assert until(now, last) == at(due) - at(now)


def test_who_never_has_power_at_that_hour_looks_some_time_after_the_start() -> None:
    assert until("2026-11-29 12:00", "2026-11-20 03:20", up=100.0) == SETTLED_SECONDS + 600 - 100
    assert until("2026-11-29 12:00", "2026-11-20 03:20", up=5000.0) == 0


@given(
    st.floats(0, 4e9),
    st.floats(0, 4e9),
    st.floats(0, 1e7),
    st.integers(0, 23),
    st.floats(0, SPREAD_SECONDS),
    st.sampled_from([None, PARIS, ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Apia")]),
)
def test_it_is_never_far_and_never_twice_a_day(
    now: float, last: float, up: float, hour: int, offset: float, zone: ZoneInfo | None
) -> None:
    wait = seconds_until(now, last, up, hour=hour, offset=offset, zone=zone)
    assert 0 <= wait <= 2 * DAY + SPREAD_SECONDS  # a zone may leave a day out
    looked = now + wait
    again = seconds_until(looked, looked, up, hour=hour, offset=offset, zone=zone)
    regular = now - min(last, now) <= MISSED_SECONDS
    assert again > (DAY - SPREAD_SECONDS - LATE_SECONDS - 2 * HOUR if regular and wait else 0)


def test_the_zone_is_one_that_there_is() -> None:
    assert zone_of("Europe/Paris") == PARIS
    for wrong in ("", "Europe/Nowhere", "../etc/passwd", "/etc/passwd", "a\0b"):
        assert zone_of(wrong) is None


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "updates/plan.json"
    assert Plan.read(path) == Plan()
    plan = Plan(1.0, 2.0, "It does not answer.", "0.2.0", 7, 6, datetime.now(UTC).timestamp())
    plan.write(path)
    assert Plan.read(path) == plan
    assert path.stat().st_mode & 0o777 == 0o600


@given(
    st.dictionaries(
        st.sampled_from([*asdict(Plan()), "more"]), st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    )
)
def test_of_what_makes_no_sense_nothing_is_believed(tmp_path_factory: pytest.TempPathFactory, wrong: object) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    path.write_text(json.dumps(wrong))
    plan = Plan.read(path)
    numbers = (plan.begun_at, plan.looked_at, plan.put_off_until, plan.release, plan.tried)
    assert all(0 <= number < 2.0**40 for number in numbers)
    assert isinstance(plan.trouble, str)
    assert isinstance(plan.version, str)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 10_000, "\0" * 100, '{"release": "7"}', '{"tried": -1}'])
def test_a_damaged_plan_is_a_new_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    assert Plan.read(tmp_path / "plan.json") == Plan()
