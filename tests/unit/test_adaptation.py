"""What is done with decisions: encoders are told, and are as they were when nobody is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pi_cam.bitrate import Encoder, Rendition
from pi_cam.errors import CameraStopped, PiCamError
from pi_cam.media.units import AccessUnit
from pi_cam.path_estimate import Report
from pi_cam.subscription import Subscription, Tap
from pi_cam.transport.adaptation import Adaptation, Adaptations
from tests.unit import virtual_time

RATE = 2_000_000.0


class Sound:
    needs_pictures = False


class FakeHub:
    """As `Steered`, and as `Origin` of its taps."""

    def __init__(self, rate: float, *, is_steered: bool = True) -> None:
        self.encoder = Encoder(rate, is_steered)
        self.trouble: PiCamError | None = None
        self.sound = Sound()
        self.rates: list[int] = []
        self.taps: list[Tap | Subscription] = []
        self.drops = 0
        self.stopped = False

    def set_bitrate(self, bits_per_second: int) -> None:
        self.rates.append(bits_per_second)

    def tap(self) -> Tap:
        if self.stopped:
            raise CameraStopped("stopped")
        tap = Tap(self)
        self.taps.append(tap)
        return tap

    def fast_forward(self) -> list[AccessUnit]:
        return []

    def request_keyframe(self) -> None:
        pass

    def forget(self, subscription: Tap | Subscription) -> None:
        self.taps.remove(subscription)


class FakeViewer:
    """Gets `bits` a second, and reports `loss`."""

    can_switch = True

    def __init__(self, bits: float = RATE, loss: float = 0.0) -> None:
        self.bits, self.loss = bits, loss
        self.gets: str = "main"
        self.filled: list[int] = []

    def sent_bits(self) -> float:
        return self.bits * virtual_time.now()

    def receive(self, rendition: Rendition) -> None:
        self.gets = rendition

    def fill(self, bits_per_second: int) -> None:
        self.filled.append(bits_per_second)


class World:
    def __init__(self, *, small: bool = True, is_steered: bool = True) -> None:
        self.main = FakeHub(RATE, is_steered=is_steered)
        self.small = FakeHub(RATE / 6) if small else None
        self.is_on = True
        self.adaptation = Adaptation(self.main, self.small, lambda: self.is_on, virtual_time.now)

    async def pass_by(self, seconds: int, *viewers: FakeViewer) -> None:
        for _ in range(seconds):
            await asyncio.sleep(1)
            for viewer in viewers:
                self.adaptation.heard(viewer, Report(None, viewer.loss, 0.01))


def run(story: Callable[[World], Awaitable[None]], *, small: bool = True, is_steered: bool = True) -> None:
    async def told() -> None:
        await story(World(small=small, is_steered=is_steered))

    virtual_time.run(told())


def test_the_encoder_is_told_only_what_is_new_and_is_as_it_was_when_nobody_is_left() -> None:
    async def story(world: World) -> None:
        viewer = FakeViewer(loss=0.4)
        world.adaptation.join(viewer)
        world.adaptation.join(viewer)
        await world.pass_by(4, viewer)
        lowered = list(world.main.rates)
        assert lowered
        assert sorted({*lowered}, reverse=True) == lowered, "each time less, and never the same again"
        assert lowered[0] < RATE
        viewer.loss = 0.0
        await world.pass_by(2, viewer)
        assert world.main.rates == lowered
        world.adaptation.leave(viewer)
        world.adaptation.leave(viewer)
        assert world.main.rates[-1] == RATE
        told = len(world.main.rates)
        await world.pass_by(10)
        assert len(world.main.rates) == told, "nothing runs while nobody watches"

    run(story)


def test_it_can_be_turned_off_and_on_while_people_watch() -> None:
    async def story(world: World) -> None:
        good, weak = FakeViewer(), FakeViewer(loss=0.6)
        for viewer in (good, weak):
            world.adaptation.join(viewer)
        await world.pass_by(5, good, weak)
        assert (good.gets, weak.gets) == ("main", "small")
        assert world.adaptation.gets(weak).why == "weak"
        world.is_on = False
        await world.pass_by(1, good, weak)
        assert (weak.gets, weak.filled[-1]) == ("main", 0)
        assert world.main.rates == []
        assert world.adaptation.gets(weak).why == "off"
        world.is_on = True
        await world.pass_by(2, good, weak)
        assert weak.gets == "small"
        for viewer in (good, weak):
            world.adaptation.leave(viewer)

    run(story)


def test_a_small_rendition_in_trouble_is_none() -> None:
    async def story(world: World) -> None:
        good, weak = FakeViewer(), FakeViewer(loss=0.6)
        for viewer in (good, weak):
            world.adaptation.join(viewer)
        assert world.small is not None
        world.small.trouble = PiCamError("away")
        weak.loss = 0.9
        await world.pass_by(5, good, weak)
        assert weak.gets == "keyframes"
        world.small.trouble = None
        await world.pass_by(1, good, weak)
        assert weak.gets == "small"
        for viewer in (good, weak):
            world.adaptation.leave(viewer)

    run(story)


def test_a_camera_that_is_not_steered_is_told_nothing() -> None:
    async def story(world: World) -> None:
        weak = FakeViewer(loss=0.6)
        world.adaptation.join(weak)
        await world.pass_by(5, weak)
        assert (weak.gets, world.main.rates) == ("keyframes", [])
        world.adaptation.leave(weak)
        assert world.main.rates == []

    run(story, small=False, is_steered=False)


def test_what_a_camera_sends_is_remembered_while_nobody_takes_it() -> None:
    async def story(world: World) -> None:
        weak = FakeViewer(loss=0.6)
        world.adaptation.join(weak)
        await world.pass_by(5, weak)
        assert weak.gets == "small"
        world.main.encoder = Encoder(0.0, is_steered=False)  # its hub is closed
        weak.loss = 0.0
        weak.bits = RATE / 6
        await world.pass_by(7, weak)
        assert weak.gets == "small"
        assert max(weak.filled) > RATE / 6
        await world.pass_by(20, weak)
        assert weak.gets == "main"
        assert max(weak.filled) == RATE, "as much as it needs is tried before"
        world.adaptation.leave(weak)

    run(story, is_steered=False)


def test_sound_that_comes_with_the_main_pictures_keeps_them_open() -> None:
    async def story(world: World) -> None:
        world.main.sound.needs_pictures = True
        good, weak = FakeViewer(), FakeViewer(loss=0.6)
        for viewer in (good, weak):
            world.adaptation.join(viewer)
        await world.pass_by(5, good, weak)
        assert len(world.main.taps) == 1
        world.main.taps[0].close()  # somebody stopped the camera
        world.main.stopped = True
        await world.pass_by(1, good, weak)
        world.main.stopped = False
        await world.pass_by(1, good, weak)
        assert len(world.main.taps) == 1
        world.main.sound.needs_pictures = False
        await world.pass_by(1, good, weak)
        assert world.main.taps == []
        world.main.sound.needs_pictures = True
        await world.pass_by(1, good, weak)
        for viewer in (good, weak):
            world.adaptation.leave(viewer)
        assert world.main.taps == []

    run(story)


def test_there_is_one_for_all_viewers_of_a_camera_and_none_for_nobody() -> None:
    adaptations, main, other = Adaptations(lambda: True), FakeHub(RATE), FakeHub(RATE)
    first = adaptations.of(main, None)
    assert adaptations.of(main, None) is first
    assert adaptations.of(other, None) is not first
    assert len(adaptations._of) == 1, "nobody holds the other one"
