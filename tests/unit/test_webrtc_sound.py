"""A listener's sender: sound is opened when it can be heard, and costs nothing while it is off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pi_cam.errors import CameraStopped
from pi_cam.media.units import AudioPacket
from pi_cam.subscription import SoundTap
from pi_cam.transport.rtp_packets import Run
from pi_cam.transport.webrtc_sound import SharedSound
from pi_cam.transport.webrtc_stream import SharedGroups
from tests.sending import OPUS, World, run, wire


class FakeTrack:
    """A camera's sound, as `SoundOrigin`."""

    def __init__(self) -> None:
        self.taps: list[SoundTap] = []
        self.opened = 0

    def listen(self, take: Callable[[AudioPacket], None]) -> SoundTap:
        self.opened += 1
        self.taps.append(SoundTap(self, take))
        return self.taps[-1]

    def forget_listener(self, subscription: Any) -> None:
        self.taps.remove(subscription)

    def publish(self, number: int) -> None:
        for tap in list(self.taps):
            tap.offer(AudioPacket(bytes([number]), 960 * number, number * 0.02))


class Listening:
    """Somebody who hears, and what was told of it."""

    def __init__(self, world: World, *, may: bool = True) -> None:
        self.track, self.heard, self.gone = FakeTrack(), 0, False
        self.groups = SharedGroups(lambda packet: [packet]).of(self.track)
        self.sound = SharedSound(self.track.listen if may else None, self.groups, self.hears, lambda: self.gone)
        self.world = world

    def begin(self) -> None:
        self.world.begin(self.sound, OPUS)

    def hears(self) -> None:
        self.heard += 1

    @property
    def sent(self) -> int:
        return len(wire(self.sound).runs)


def test_sound_is_turned_on_and_off_and_on() -> None:
    async def story(world: World) -> None:
        one = Listening(world)
        one.sound.turn(on=True)
        assert one.track.opened == 0, "nothing is opened for who cannot hear it yet"
        one.begin()
        one.sound.turn(on=True)
        assert (one.track.opened, one.heard) == (1, 0)
        one.track.publish(1)
        one.track.publish(2)
        assert (one.sent, one.heard) == (2, 1)
        one.sound.turn(on=False)
        one.sound.turn(on=False)
        one.track.publish(3)
        assert (one.sent, one.track.taps) == (2, [])
        one.sound.turn(on=True)
        one.track.publish(9)
        assert (one.sent, one.heard) == (3, 1)
        out: Any = one.sound._wire
        numbers = out.sequences
        assert numbers == list(range(numbers[0], numbers[0] + 3)), "no holes"
        pair = one.sound.clock_pair()
        assert pair is not None
        assert pair[1] == pytest.approx(0.18)
        one.gone = True
        one.track.publish(10)
        assert one.sent == 3
        one.sound.close()
        one.sound.close()
        assert one.track.taps == []
        one.sound.turn(on=True)
        assert one.track.opened == 2

    run(story)


def test_without_the_right_there_is_no_sound() -> None:
    async def story(world: World) -> None:
        one = Listening(world, may=False)
        one.sound.turn(on=True)
        one.begin()
        one.sound.turn(on=True)
        assert one.track.opened == 0

    run(story)


def test_a_camera_that_was_stopped_meanwhile_brings_no_sound_down() -> None:
    async def story(world: World) -> None:
        def stopped(take: Callable[[AudioPacket], None]) -> SoundTap:
            raise CameraStopped("This camera is stopped.")

        one = Listening(world)
        one.sound._listen = stopped
        one.sound.turn(on=True)
        one.begin()
        with pytest.raises(CameraStopped):
            one.sound.turn(on=True)

    run(story)


def test_sound_that_the_camera_ended_can_be_turned_on_again() -> None:
    async def story(world: World) -> None:
        one = Listening(world)
        one.begin()
        one.sound.turn(on=True)
        one.track.taps[0].close()
        one.track.publish(1)
        assert one.sent == 0
        one.sound.turn(on=True)
        one.track.publish(2)
        assert one.sent == 1

    run(story)


def test_a_listener_that_fails_takes_nothing_from_others() -> None:
    async def story(world: World) -> None:
        one = Listening(world)
        one.begin()
        one.sound.turn(on=True)
        good: list[AudioPacket] = []
        one.track.listen(good.append)

        def fail(run: Run, sequence: int) -> bool:
            raise ValueError("anything")

        out: Any = one.sound._wire
        out.send = fail
        one.track.publish(1)
        assert (len(good), len(one.track.taps)) == (1, 1)

    run(story)
