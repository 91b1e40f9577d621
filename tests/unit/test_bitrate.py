"""One encoder, many viewers: who gets what, on simulated lines and for reports that nobody can expect."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.bitrate import SHARE_WITH_SMALL, SHARE_WITHOUT, Bitrates, Encoder
from pi_cam.path_estimate import Report
from tests.unit.clock import Clock
from tests.unit.lines import MAIN, SMALL, Home, Line

WEAK = 1_000_000.0
NUMBERS = st.one_of(
    st.none(),
    st.sampled_from([0.0, -1.0, math.nan, math.inf, -math.inf, 255.0, float(1 << 60), 1e-9]),
    st.floats(0, 1),
    st.floats(0, 1e8),
)
REPORTS = st.builds(Report, remb=NUMBERS, loss=NUMBERS, rtt=NUMBERS)
MOMENTS = st.lists(
    st.tuples(st.integers(0, 2), REPORTS, st.floats(0.0, 3.0), st.floats(0, 1e7)), min_size=1, max_size=60
)


def test_with_good_lines_all_get_everything() -> None:
    home = Home(Line(), Line(), Line())
    home.pass_by(60)
    assert home.rates["main"] == MAIN
    assert home.changes == []
    assert home.bitrates.gets(home.lines[0]).why == "fits"


def test_one_weak_line_of_three_gets_the_small_rendition_and_comes_back() -> None:
    good, other, weak = Line(), Line(), Line()
    home = Home(good, other, weak)
    home.pass_by(10)
    weak.capacity = WEAK
    assert home.until("small", within=5, lines=[weak]) <= 5
    assert home.bitrates.gets(weak).why == "weak"
    home.pass_by(60)
    assert home.rates["main"] == MAIN, "the others pay nothing"
    assert all(line is weak for _, line, _ in home.changes)
    weak.capacity = 100e6
    assert home.until("main", within=30, lines=[weak]) <= 30
    assert home.rates["main"] == MAIN


def test_a_line_that_stays_weak_does_not_flap() -> None:
    good, weak = Line(), Line(WEAK)
    home = Home(good, weak)
    home.pass_by(300)
    assert len(home.changes) == 1, home.changes
    assert home.rendition(weak) == "small"


def test_when_all_lines_are_weak_the_bitrate_falls_and_rises_again() -> None:
    lines = [Line(), Line(), Line()]
    home = Home(*lines)
    home.pass_by(10)
    for line in lines:
        line.capacity = WEAK
    home.pass_by(5)
    assert home.rates["main"] <= WEAK
    assert home.changes == []
    assert home.bitrates.gets(lines[0]).why == "lowered"
    home.pass_by(60)
    assert 0.4 * WEAK <= home.rates["main"] <= 1.5 * WEAK
    for line in lines:
        line.capacity = 100e6
    home.pass_by(30)
    assert home.rates["main"] == MAIN


def test_a_line_that_is_a_little_weaker_lowers_the_bitrate_for_all() -> None:
    good, less = Line(), Line(1_700_000)
    home = Home(good, less)
    home.pass_by(30)
    assert home.changes == []
    assert SHARE_WITH_SMALL * MAIN <= home.rates["main"] <= MAIN


def test_without_a_small_rendition_somebody_far_behind_gets_keyframes_only() -> None:
    good, weak = Line(), Line(400_000)
    home = Home(good, weak, small=False)
    assert home.until("keyframes", within=8, lines=[weak])
    home.pass_by(20)
    assert home.rates["main"] == MAIN
    weak.capacity = 100e6
    home.until("main", within=30, lines=[weak])


@pytest.mark.parametrize("small", [True, False])
def test_a_camera_that_cannot_be_steered(small: bool) -> None:
    weak = Line()
    home = Home(weak, small=small, is_steered=False)
    home.pass_by(10)
    weak.capacity = WEAK
    assert home.until("small" if small else "keyframes", within=5) <= 5
    assert home.bitrates.decide(home.main, home.small) == {}
    weak.capacity = 100e6
    assert home.until("main", within=30) <= 30


def test_a_line_below_the_floor_gets_the_small_rendition_even_when_it_is_alone() -> None:
    weak = Line(90_000)
    home = Home(weak)
    home.until("small", within=20)
    home.pass_by(20)
    assert home.rates["small"] < SMALL, "and that follows, too"


def test_the_small_rendition_that_fails_leaves_keyframes() -> None:
    weak = Line(WEAK)
    home = Home(Line(), weak)
    home.until("small", within=8, lines=[weak])
    home.small = None
    home.pass_by(1)
    assert home.rendition(weak) == "keyframes"


def test_who_cannot_switch_does_not_drag_others_below_their_share() -> None:
    home = Home(Line(), Line(200_000), can_switch=False)
    home.pass_by(60)
    assert home.changes == []
    assert home.rates["main"] >= SHARE_WITH_SMALL * MAIN * 0.99


def test_who_never_reports_changes_nothing_and_is_shown_as_unknown() -> None:
    mute, weak = Line(WEAK, reports=False), Line()
    home = Home(mute, weak)
    home.pass_by(60)
    assert (home.rates["main"], home.changes) == (MAIN, [])
    assert home.bitrates.gets(mute).why == "unknown"
    assert home.bitrates.gets(mute).bitrate is None


def test_who_stops_reporting_holds_nobody_back() -> None:
    good, less = Line(), Line(1_700_000)
    home = Home(good, less)
    home.pass_by(20)
    assert home.rates["main"] < MAIN
    less.reports = False
    home.pass_by(8)
    assert home.rates["main"] == MAIN


def test_a_hitch_of_this_machine_is_nobodys_path() -> None:
    clock, encoder = Clock(), Encoder(MAIN, is_steered=True)
    bitrates = Bitrates(clock)
    bitrates.join("viewer")
    sent = 0.0
    for second in range(30):
        clock.now += 1
        sent += MAIN
        is_late = second in (20, 21)
        if is_late:
            bitrates.hitch()
        bitrates.heard(
            "viewer", Report(MAIN if not is_late else 1e5, 0.5 if is_late else 0.0, 0.9 if is_late else 0.01), sent
        )
        assert bitrates.decide(encoder, None) == {"main": MAIN}


def test_what_nobody_can_expect_in_a_remb() -> None:
    """Zero and 2⁶⁰, loss 255 of 256, no round trip: the liar alone gets less, and nothing breaks."""
    for remb in (0.0, float(1 << 60)):
        for loss in (math.nan, 255 / 256, 255.0):
            good = Line()
            home = Home(good, Line())
            for _ in range(60):
                home.pass_by(0.5)
                home.bitrates.heard(home.lines[1], Report(remb, loss, math.nan), home.lines[1].sent)
                home.lines[1].reports = False
            assert home.rates["main"] >= SHARE_WITH_SMALL * MAIN
            assert home.rendition(good) == "main"
            assert (home.bitrates.gets(home.lines[1]).bitrate or 0) <= 1_000_000_000


@given(MOMENTS, st.booleans(), st.booleans())
def test_targets_stay_within_bounds_and_the_good_one_keeps_its_share(
    moments: list[tuple[int, Report, float, float]], has_small: bool, good_too: bool
) -> None:
    clock, bitrates = Clock(), None
    bitrates = Bitrates(clock)
    main, small = Encoder(MAIN, is_steered=True), Encoder(SMALL, is_steered=True) if has_small else None
    sent = [0.0, 0.0, 0.0, 0.0]
    for key in range(4 if good_too else 3):
        bitrates.join(key)
    for key, report, pause, bits in moments:
        clock.now += pause
        sent[key] += bits
        bitrates.heard(key, report, sent[key])
        if good_too:
            sent[3] += MAIN * pause
            bitrates.heard(3, Report(MAIN, 0.0, 0.01), sent[3])
        found = bitrates.decide(main, small)
        assert main.floor <= found["main"] <= MAIN
        assert small is None or small.floor <= found["small"] <= SMALL
        weak = {bitrates.rendition(one) for one in range(3)} - {"main"}
        assert weak <= ({"small", "keyframes"} if has_small else {"keyframes"})
        assert not weak or not has_small or "small" in weak, "the best of the weak gets the small one"
        for one in range(3):
            assert 0 <= bitrates.trial(one) <= MAIN
        if good_too:
            assert bitrates.rendition(3) == "main"
            assert found["main"] >= (SHARE_WITH_SMALL if has_small else SHARE_WITHOUT) * MAIN - 1


@given(MOMENTS, st.booleans())
def test_everybody_recovers_within_thirty_seconds(
    moments: list[tuple[int, Report, float, float]], has_small: bool
) -> None:
    clock = Clock()
    bitrates = Bitrates(clock)
    main, small = Encoder(MAIN, is_steered=True), Encoder(SMALL, is_steered=True) if has_small else None
    sent = [0.0, 0.0, 0.0]
    for key in range(3):
        bitrates.join(key)
    for key, report, pause, bits in moments:
        clock.now += pause
        sent[key] += bits
        bitrates.heard(key, report, sent[key])
        bitrates.decide(main, small)
    for half in range(60):
        clock.now += 0.5
        found = bitrates.decide(main, small)
        for key in range(3):
            sent[key] += MAIN / 2
            if half % 2:
                bitrates.heard(key, Report(MAIN, 0.0, 0.01), sent[key])
    assert found["main"] == MAIN
    assert {bitrates.rendition(key) for key in range(3)} == {"main"}
    assert {bitrates.trial(key) for key in range(3)} == {0}


def test_a_liar_among_the_weak_does_not_drag_down_the_small_rendition() -> None:
    """Whoever carries far less than others with the small one gets keyframes only."""
    good, weak, liar = Line(), Line(600_000), Line(600_000)
    home = Home(good, weak, liar)
    home.until("small", within=10, lines=[weak, liar])
    liar.capacity = 1_000.0
    home.pass_by(30)
    assert home.rendition(liar) == "keyframes"
    assert home.rendition(weak) == "small"
    home.pass_by(30)
    assert home.rates["small"] >= 0.3 * SMALL
    assert home.rates["main"] == MAIN


def test_what_is_only_tried_is_not_told() -> None:
    weak = Line(WEAK)
    home = Home(Line(), weak)
    told = set()
    for _ in range(240):
        home.pass_by(0.5)
        if home.rendition(weak) == "small":
            told.add(home.bitrates.gets(weak).bitrate)
    assert home.bitrates.rendition(weak) == "small"
    assert max(one for one in told if one is not None) <= 1.3 * WEAK, told
