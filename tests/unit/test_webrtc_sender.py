"""A viewer's sender: what it sends of what the camera brings, and to whom it stops sending."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from pi_cam.media.h264 import join_nal_units
from pi_cam.media.units import AccessUnit
from pi_cam.transport.rtp_packets import PACED, Run
from pi_cam.transport.webrtc_sender import SharedPictures
from tests.sending import EXTENSIONS, H264, RTX, SilentOutlet, World, run, wire


def is_silent(viewer: SharedPictures) -> bool:
    return viewer.is_silent


def test_nothing_before_the_connection_is_up_and_then_a_keyframe_first() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer(begun=False)
        world.publish(keyframe=True)
        assert world.hub.asked == 0
        world.begin(viewer)
        assert world.hub.asked == 1
        world.publish()
        assert wire(viewer).runs == []
        world.publish(keyframe=True)
        world.publish()
        assert len(wire(viewer).sequences) == 6
        assert viewer.clock_pair() is not None
        assert viewer.spent().send is not None, "of a small picture, too"

    run(story)


def test_viewers_share_packets_and_count_for_themselves() -> None:
    async def story(world: World) -> None:
        early = world.viewer()
        world.publish(keyframe=True)
        world.publish()
        late = world.viewer()
        world.publish()
        world.publish(keyframe=True)
        assert [run for run, _ in wire(late).runs] == [wire(early).runs[-1][0]]
        for viewer in (early, late):
            numbers = wire(viewer).sequences
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "no holes"

    run(story)


def test_a_large_unit_leaves_in_pieces_and_the_next_one_at_its_heels() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        world.publish(60_000, keyframe=True)
        assert [len(run.lengths) for run, _ in wire(viewer).runs] == [PACED]
        async with asyncio.timeout(2):
            while len(wire(viewer).runs) < 4:  # noqa: ASYNC110  a timer's doing
                await asyncio.sleep(0.001)
        world.publish(60_000)
        assert len(wire(viewer).runs) == 5
        world.publish()
        assert len(wire(viewer).runs) == 9
        numbers = wire(viewer).sequences
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        await asyncio.sleep(0.02)
        assert len(wire(viewer).runs) == 9

    run(story)


def test_where_there_is_no_room_nothing_follows_before_the_next_keyframe() -> None:
    async def story(world: World) -> None:
        viewer, other = world.viewer(), world.viewer()
        world.publish(keyframe=True)
        asked = world.hub.asked
        wire(viewer).room = 0
        world.publish()
        assert (world.hub.asked, world.hub.drops) == (asked + 1, 1)
        wire(viewer).room = 100
        world.publish()
        assert len(wire(viewer).runs) == 1
        world.publish(keyframe=True)
        assert len(wire(viewer).runs) == 2
        assert len(wire(other).runs) == 4, "nobody else loses a picture"

    run(story)


def test_whoever_is_not_heard_gets_nothing_until_it_is() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        world.publish(keyframe=True)
        world.pass_by(1.0)
        viewer.heard()
        world.pass_by(4.9)
        sent = len(wire(viewer).runs)
        assert not is_silent(viewer)
        world.pass_by(60)
        assert is_silent(viewer)
        assert len(wire(viewer).runs) == sent
        asked = world.hub.asked
        viewer.heard()
        assert (is_silent(viewer), world.hub.asked) == (False, asked + 1)
        world.publish()
        assert len(wire(viewer).runs) == sent
        world.publish(keyframe=True)
        assert len(wire(viewer).runs) == sent + 1
        world.pass_by(5.5)
        assert is_silent(viewer), "a long silence is no habit"

    run(story)


def test_a_long_pause_of_long_ago_is_no_habit() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        world.publish(keyframe=True)
        world.pass_by(4.5)
        for _ in range(8):
            viewer.heard()
            world.pass_by(1.0)
        assert not is_silent(viewer)
        world.pass_by(5.0)
        assert is_silent(viewer)

    run(story)


def test_into_silence_goes_a_keyframe_now_and_then_which_would_be_answered() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        world.publish(keyframe=True)
        world.pass_by(8)
        assert is_silent(viewer)
        sent = len(wire(viewer).runs)
        for _ in range(20):
            world.now += 1
            world.publish(keyframe=True)
            world.publish()
        assert 3 <= len(wire(viewer).runs) - sent <= 5

    run(story)


def test_a_pause_of_the_camera_is_nobodys_silence() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        world.publish(keyframe=True)
        world.now += 3600
        world.publish()
        assert not is_silent(viewer)
        assert len(wire(viewer).runs) == 2
        world.pass_by(6)
        assert is_silent(viewer)

    run(story)


def test_who_reports_seldom_is_given_time() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        world.publish(keyframe=True)
        for _ in range(3):
            world.pass_by(4)
            viewer.heard()
        world.pass_by(11)
        assert not is_silent(viewer)
        world.pass_by(2)
        assert is_silent(viewer)

    run(story)


@pytest.mark.parametrize("rtx", [True, False])
def test_what_was_lost_is_sent_once_more(rtx: bool) -> None:
    async def story(world: World) -> None:
        viewer = world.viewer(H264, RTX) if rtx else world.viewer(H264)
        world.publish(keyframe=True)
        first, outlet = wire(viewer).sequences[0], world.outlets[-1]
        await viewer.again(first + 1)
        await viewer.again(first - 1)
        await viewer.again((first + 40_000) & 0xFFFF)
        (packet,) = outlet.again
        assert packet[1] & 0x7F == (107 if rtx else 106)
        assert (int.from_bytes(packet[8:12], "big") == SilentOutlet.rtx_ssrc) is rtx
        if not rtx:
            assert int.from_bytes(packet[2:4], "big") == first + 1

    run(story)


def test_one_viewer_cannot_make_everybody_pay_for_keyframes() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        asked = world.hub.asked
        for _ in range(10_000):
            viewer._asked()
        assert world.hub.asked - asked == 4
        world.now += 2.0
        viewer._asked()
        assert world.hub.asked - asked == 5

    run(story)


def test_a_sender_that_fails_takes_no_picture_from_others() -> None:
    async def story(world: World) -> None:
        bad, good = world.viewer(), world.viewer()

        def fail(run: Run, sequence: int) -> bool:
            raise ValueError("anything")

        wire(bad).send = fail  # type: ignore[method-assign]
        world.publish(keyframe=True)
        world.publish()
        assert len(wire(good).runs) == 2
        assert len(world.hub.taps) == 1

    run(story)


def test_a_camera_that_cannot_be_asked_gives_what_it_has() -> None:
    async def story(world: World) -> None:
        world.hub.past = [AccessUnit(join_nal_units([b"\x65\x01"]), 0, True, 1.0), AccessUnit(b"", 1, False, 1.0)]
        viewer = world.viewer()
        world.publish()
        assert world.hub.asked == 0
        assert len(wire(viewer).runs) == 2

    run(story)


def past(count: int, size: int = 15_000) -> list[AccessUnit]:
    """Since the last keyframe; each picture is 13 packets."""
    heads = [b"\x65", *[b"\x41"] * (count - 1)]
    return [AccessUnit(join_nal_units([head + b"\x07" * size]), at, at == 0, 1.0) for at, head in enumerate(heads)]


async def sent(viewer: SharedPictures, packets: int) -> None:
    async with asyncio.timeout(5):
        while len(wire(viewer).sequences) < packets:  # noqa: ASYNC110  a timer's doing
            await asyncio.sleep(0.001)


def test_a_newcomer_gets_the_past_piece_by_piece_and_then_what_came_meanwhile() -> None:
    async def story(world: World) -> None:
        early = world.viewer()
        world.publish(keyframe=True)
        first = wire(early).sequences[0]
        world.hub.past = past(200)
        late = world.viewer()
        assert 0 < len(wire(late).sequences) < 60, "not all at once"
        world.publish()
        world.publish()
        assert len(wire(late).sequences) < 60, "nothing overtakes the past"
        await sent(late, 200 * 13 + 2 * 3)
        numbers = wire(late).sequences
        assert numbers == list(range(numbers[0], numbers[0] + 200 * 13 + 2 * 3)), "no holes"
        await early.again(first)
        assert world.outlets[0].again, "what others were sent can be had again"
        await late.again(numbers[5])
        assert world.outlets[1].again, "and what it was sent itself"
        world.now += 10
        world.publish()
        await late.again(numbers[5])
        assert len(world.outlets[1].again) == 1, "but not for ever"
        assert len(wire(late).runs[-1][0].lengths) == 3
        assert wire(late).runs[-1][0] is wire(early).runs[-1][0], "it is one of many now"
        assert not late._behind.is_used
        assert not late._is_its_own

    run(story)


def test_the_past_waits_for_room_in_the_kernel() -> None:
    async def story(world: World) -> None:
        world.hub.past = past(100)
        viewer = world.viewer(begun=False)
        world.begin(viewer)
        wire(viewer).queue = 1 << 20
        before = len(wire(viewer).sequences)
        await asyncio.sleep(0.02)
        assert len(wire(viewer).sequences) == before
        wire(viewer).queue = 0
        await sent(viewer, 100 * 13)

    run(story)


def test_whoever_leaves_behind_leaves_nothing() -> None:
    async def story(world: World) -> None:
        world.hub.past = past(100)
        viewer = world.viewer()
        left = wire(viewer)
        viewer.close()
        before = len(left.sequences)
        await asyncio.sleep(0.02)
        assert len(left.sequences) == before
        assert not viewer._behind

    run(story)


def test_who_comes_too_often_waits_for_the_next_keyframe() -> None:
    async def story(world: World) -> None:
        world.viewer(may_ask=lambda: False)
        assert world.hub.asked == 0
        world.viewer(may_ask=lambda: True)
        assert world.hub.asked == 1

    run(story)


@pytest.mark.parametrize("name", ["id", "mid"])
def test_what_fits_into_no_header_is_left_out(name: str) -> None:
    async def story(world: World) -> None:
        viewer = world.viewer(begun=False)
        outlet: Any = SilentOutlet(H264)
        if name == "id":
            outlet.parameters.headerExtensions = [replace(one, id=one.id + 14) for one in EXTENSIONS]
        else:
            outlet.parameters.muxId = "m" * 17
        viewer.begin(outlet)
        world.publish(keyframe=True)
        (first, *_) = wire(viewer).runs
        assert first[0].block[0] == (0x80 if name == "id" else 0x90)
        assert b"mmm" not in first[0].block

    run(story)


def test_an_end_that_overtakes_the_beginning_leaves_nothing() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer(begun=False)
        viewer.close()
        world.begin(viewer)
        assert viewer._wire is None
        assert world.groups._groups == {}
        assert world.hub.taps == []

    run(story)


def test_the_end_leaves_nothing() -> None:
    async def story(world: World) -> None:
        viewer = world.viewer()
        world.publish(60_000, keyframe=True)
        out = wire(viewer)
        viewer.close()
        viewer.close()
        assert out.closed
        assert world.hub.taps == []
        assert world.groups._groups == {}
        await asyncio.sleep(0.02)
        assert len(out.runs) == 1
        world.publish()

    run(story)
