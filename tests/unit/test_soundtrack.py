"""One camera's sound: from the camera or a microphone, which is open only while somebody listens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pi_cam.errors import CameraStopped, SourceError
from pi_cam.hub import Hub
from pi_cam.media.units import AccessUnit, AudioPacket
from pi_cam.soundtrack import GRACE_SECONDS
from tests.unit import virtual_time
from tests.unit.fake_camera import FakeBridge, FakeSource

Unit = AccessUnit | AudioPacket


class FakeMicrophone:
    def __init__(self) -> None:
        self.openings = 0
        self.open = False
        self.emit: Callable[[Unit], None] = lambda unit: None
        self.report: Callable[[SourceError | None], None] = lambda trouble: None

    def start(self, emit: Callable[[Unit], None], report: Callable[[SourceError | None], None]) -> None:
        assert not self.open
        self.open, self.openings = True, self.openings + 1
        self.emit, self.report = emit, report

    def stop(self) -> None:
        assert self.open
        self.open = False

    def is_open(self) -> bool:
        return self.open


def camera(microphone: FakeMicrophone | None = None) -> Hub:
    source = FakeSource()
    return Hub(source, FakeBridge(source), microphone=microphone)


def packet(number: int) -> AudioPacket:
    return AudioPacket(b"opus", 960 * number, 0.02 * number)


def test_it_is_open_only_while_somebody_listens() -> None:
    async def run() -> None:
        microphone = FakeMicrophone()
        hub = camera(microphone)
        await asyncio.sleep(60)
        assert microphone.openings == 0
        one, other = hub.listen(), hub.listen()
        await asyncio.sleep(1)
        assert (microphone.openings, hub.sound.listeners) == (1, 2)
        one.close()
        await asyncio.sleep(60)
        assert microphone.is_open()
        other.close()
        await asyncio.sleep(GRACE_SECONDS - 0.5)
        again = hub.listen()
        await asyncio.sleep(60)
        assert (microphone.is_open(), microphone.openings) == (True, 1)
        again.close()
        await asyncio.sleep(GRACE_SECONDS + 0.5)
        assert not microphone.is_open()
        await hub.close()

    virtual_time.run(run())


def test_the_microphone_is_heard_instead_of_the_camera() -> None:
    async def run() -> None:
        microphone = FakeMicrophone()
        hub = camera(microphone)
        listener = hub.listen()
        await asyncio.sleep(1)
        hub.publish(packet(1))
        microphone.emit(packet(2))
        await asyncio.sleep(0.1)
        assert await listener.next() == packet(2)
        listener.close()
        assert await listener.next() is None
        await hub.close()

    virtual_time.run(run())


def test_without_one_the_camera_is_heard_by_all() -> None:
    async def run() -> None:
        hub = camera()
        listeners = [hub.listen() for _ in range(3)]
        hub.publish(packet(1))
        assert [await listener.next() for listener in listeners] == [packet(1)] * 3
        await hub.close()

    virtual_time.run(run())


def test_a_stop_closes_the_microphone_at_once_and_lets_nobody_listen() -> None:
    async def run() -> None:
        microphone = FakeMicrophone()
        hub = camera(microphone)
        listener = hub.listen()
        await asyncio.sleep(1)
        await hub.stop()
        assert await listener.next() is None
        await asyncio.sleep(0.1)
        assert not microphone.is_open()
        with pytest.raises(CameraStopped):
            hub.listen()
        assert microphone.openings == 1
        await hub.close()

    virtual_time.run(run())


def test_its_trouble_is_told_once_and_touches_no_picture() -> None:
    async def run() -> None:
        microphone, told = FakeMicrophone(), 0
        hub = camera(microphone)

        def changed() -> None:
            nonlocal told
            told += 1

        hub.watch(changed)
        hub.listen()
        await asyncio.sleep(1)
        for _ in range(2):
            microphone.report(SourceError("The microphone was unplugged."))
        await asyncio.sleep(0.1)
        assert (str(hub.sound.trouble), hub.trouble, hub.state, told) == (
            "The microphone was unplugged.",
            None,
            "idle",
            1,
        )
        microphone.report(None)
        await asyncio.sleep(0.1)
        assert (hub.sound.trouble, told) == (None, 2)
        await hub.close()

    virtual_time.run(run())


class SoundingSource(FakeSource):
    """A camera that is told whether its sound is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[bool] = []

    def bring_sound(self, wanted: bool) -> None:
        self.told.append(wanted)

    def is_asked(self) -> bool:
        return self.told[-1]


def test_a_cameras_sound_is_wanted_only_while_somebody_listens() -> None:
    async def run() -> None:
        source = SoundingSource()
        hub = Hub(source, FakeBridge(source))
        assert source.told == []
        one, other = hub.listen(), hub.listen()
        assert source.is_asked()
        one.close()
        assert source.is_asked()
        other.close()
        assert not source.is_asked()
        hub.listen()
        assert source.is_asked()
        await hub.stop()
        assert not source.is_asked()
        await hub.close()

    virtual_time.run(run())


def test_a_cameras_sound_is_never_wanted_where_a_microphone_is_heard_instead() -> None:
    async def run() -> None:
        source = SoundingSource()
        hub = Hub(source, FakeBridge(source), microphone=FakeMicrophone())
        hub.listen()
        await asyncio.sleep(1)
        await hub.close()
        assert True not in source.told

    virtual_time.run(run())


def test_muted_nobody_hears_the_camera_either() -> None:
    async def run() -> None:
        muted = [True]
        source = FakeSource()
        hub = Hub(source, FakeBridge(source), muted=lambda: muted[0])
        listener = hub.listen()
        hub.publish(packet(1))
        muted[0] = False
        hub.publish(packet(2))
        assert await listener.next() == packet(2)
        await hub.close()

    virtual_time.run(run())
