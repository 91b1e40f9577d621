"""`auto:` with real sources: which one is shown, when one is plugged in, and when it is pulled out."""

from __future__ import annotations

import queue

import pytest

from pi_cam.capture.auto import AutoSource
from pi_cam.capture.source import VideoSource, is_choice, open_source, shown
from pi_cam.capture.synthetic import SyntheticSource
from pi_cam.capture.usb import UsbSource
from pi_cam.capture.usb_address import title_of
from pi_cam.errors import AddressRefused, SourceError
from pi_cam.media.h264 import find_sps, parse_sps
from pi_cam.media.units import AccessUnit, AudioPacket


class World:
    """What is plugged in, and what came out. A camera's picture is 320 wide, the one without a camera 160."""

    def __init__(self, *devices: str, camera: VideoSource | None = None) -> None:
        self.devices: list[str] = list(devices)
        self.widths: queue.Queue[int] = queue.Queue()
        self.troubles: queue.Queue[SourceError | None] = queue.Queue()
        self.source = AutoSource(
            "auto:",
            by_operator=True,
            find=lambda: iter(self.devices),
            camera=camera or SyntheticSource("synthetic:?size=320x240&fps=10", by_operator=True),
            picture=SyntheticSource("synthetic:?size=160x120&fps=10", by_operator=True),
            look_seconds=0.01,
        )

    def start(self) -> None:
        self.source.start(self._took, self.troubles.put)

    def _took(self, unit: AccessUnit | AudioPacket) -> None:
        if isinstance(unit, AccessUnit) and (sps := find_sps(unit.data)):
            self.widths.put(parse_sps(sps).width)


def test_the_camera_that_is_there_is_taken() -> None:
    world = World("/dev/video0")
    world.start()
    try:
        assert world.widths.get(timeout=10) == 320
        assert world.source.capabilities.askable
    finally:
        world.source.stop()


def test_one_that_is_plugged_in_takes_the_place_of_the_test_picture() -> None:
    world = World()
    world.start()
    try:
        assert world.widths.get(timeout=10) == 160
        world.source.set_bitrate(100_000)
        world.devices.append("/dev/video0")
        while (width := world.widths.get(timeout=10)) == 160:
            pass
        assert width == 320
    finally:
        world.source.stop()
    assert world.source._camera._bits_per_second == 100_000  # type: ignore[attr-defined]


def test_a_camera_that_was_there_is_missed_and_not_replaced_by_a_picture() -> None:
    world = World("/dev/video999", camera=UsbSource("usb:/dev/video999", by_operator=True))
    for devices in (["/dev/video999"], []):
        world.devices = devices
        world.start()
        try:
            assert "unplugged" in str(world.troubles.get(timeout=10))
        finally:
            world.source.stop()
    assert world.widths.empty()


def test_a_look_that_fails_is_as_good_as_none() -> None:
    def pulled_out() -> list[str]:
        raise FileNotFoundError("index")

    source = AutoSource("auto:", by_operator=True, find=pulled_out)
    assert not source._is_plugged_in()


def test_only_the_operator_says_it_and_nothing_with_it() -> None:
    assert isinstance(open_source("auto:", by_operator=True), AutoSource)
    with pytest.raises(AddressRefused):
        open_source("auto:", by_operator=False)
    with pytest.raises(AddressRefused):
        open_source("auto:/dev/video0", by_operator=True)
    assert shown("auto:") == "auto:"
    assert [is_choice(one) for one in ("auto:", "AUTO:", "usb:", "synthetic:", "rtsp://auto")] == [
        True,
        True,
        *[False] * 3,
    ]


@pytest.mark.parametrize(
    ("device", "title"),
    [
        ("/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_5A3B1C2F-video-index0", "046d HD Pro Webcam C920"),
        ("/dev/v4l/by-id/usb-Logitech_BRIO-video-index0", "Logitech BRIO"),
        ("/dev/video2", "/dev/video2"),
        (
            "/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0",
            "/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0",
        ),
    ],
)
def test_what_a_camera_is_called(device: str, title: str) -> None:
    assert title_of(device) == title
