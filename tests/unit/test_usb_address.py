"""Which addresses name a USB camera, and which cameras are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.capture import source
from pi_cam.capture.usb_address import UsbAddress, device_of, found_devices, parse_address
from pi_cam.errors import AddressRefused

BY_ID = "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920-video-index0"


def test_the_first_one() -> None:
    assert parse_address("usb:") == UsbAddress(None, (1280, 720), 30, None)


def test_one_by_its_name() -> None:
    url = f"usb:{BY_ID}?size=640x480&fps=15&format=mjpeg"
    assert parse_address(url) == UsbAddress(BY_ID, (640, 480), 15, "mjpeg")
    assert device_of(parse_address("usb:/dev/video2")) == "/dev/video2"


ODD = [
    "usb-Maker_Cam#2=A@home-video-index0",
    "usb-Caméra_été_日本-video-index0",
    "usb-a\\x2fb-video-index0",
    f"usb-{'x' * 237}-video-index0"[:255],
]
"""Names that udev gives."""


@pytest.mark.parametrize("name", ODD)
def test_whatever_udev_names_can_be_chosen(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    (found,) = found_devices(tmp_path, tmp_path / "none")
    assert found == str(tmp_path / name)
    url = f"usb:/dev/v4l/by-id/{name}"
    assert parse_address(f"{url}?fps=15") == UsbAddress(f"/dev/v4l/by-id/{name}", (1280, 720), 15, None)
    assert source.check(url, allow_lan=False) == {"device": f"/dev/v4l/by-id/{name}"}


@pytest.mark.parametrize("name", ["usb-a\u202eb-video-index0", "usb-a b?-video-index0", b"usb-\xff-video-index0"])
def test_what_no_address_may_hold_is_offered_by_its_number(tmp_path: Path, name: str | bytes) -> None:
    (tmp_path / os.fsdecode(name)).symlink_to("/dev/video42")
    (tmp_path / "usb-\u200b-video-index0").symlink_to("/etc/passwd")
    assert list(found_devices(tmp_path, tmp_path / "none")) == ["/dev/video42"]


@pytest.mark.parametrize(
    "url",
    [
        "usb:/dev/sda",
        "usb:/dev/video0/../sda",
        "usb:/dev/video0%00",
        "usb:/dev/v4l/by-id/../../sda",
        "usb:/dev/v4l/by-id/..",
        "usb:/dev/v4l/by-id/.",
        "usb:/dev/v4l/by-id/",
        "usb:/dev/v4l/by-id/a/b",
        "usb:/dev/v4l/by-id/a%2fb",
        "usb:/dev/v4l/by-id/a%0ab",
        "usb:/dev/v4l/by-id/a b",
        "usb:/dev/v4l/by-id/a\u202eb",
        "usb:/dev/v4l/by-id/a\u0085b",
        "usb:/dev/v4l/by-id/a\udcffb",
        "usb:/dev/v4l/by-id/" + "é" * 128,
        "usb:///dev/video0",
        "usb:/etc/shadow",
        "usb:video0",
        "usb:?size=0x0",
        "usb:?size=1280",
        "usb:?fps=0",
        "usb:?fps=٣",
        "usb:?format=hevc",
        "usb:?input=1",
    ],
)
def test_what_is_none(url: str) -> None:
    with pytest.raises(AddressRefused):
        parse_address(url)


@given(st.text(max_size=60))
def test_whatever_is_written(text: str) -> None:
    try:
        found = parse_address(f"usb:{text}")
    except AddressRefused:
        return
    assert found.device is None or found.device.startswith("/dev/v")
    assert found.device is None or ".." not in found.device.split("/")


def test_it_may_be_named_by_whoever_may_add_cameras_and_is_shown_as_it_is() -> None:
    url = f"usb:{BY_ID}"
    source.open_source(url, by_operator=False)
    assert source.shown(url) == url


def test_those_that_are_plugged_in(tmp_path: Path) -> None:
    by_id, devices, bus = tmp_path / "by-id", tmp_path / "class", tmp_path / "devices"
    for name, where, index in (("video0", "platform/codec", "0"), ("video10", "usb1", "0"), ("video2", "usb1", "1")):
        folder = bus / where / name
        folder.mkdir(parents=True)
        (folder / "index").write_text(f"{index}\n")
        devices.mkdir(exist_ok=True)
        (devices / name).symlink_to(folder)
    assert list(found_devices(by_id, devices)) == ["/dev/video10"]
    gone = bus / "usb1" / "video1"
    gone.mkdir()
    (gone / "index").symlink_to("/proc/self/mem")  # a file, of which no byte can be read: as of one that is unplugged
    (devices / "video1").symlink_to(gone)
    assert list(found_devices(by_id, devices)) == ["/dev/video10"]
    by_id.mkdir()
    for name in ("usb-b-video-index0", "usb-a-video-index0", "usb-a-video-index1"):
        (by_id / name).touch()
    assert list(found_devices(by_id, devices)) == [f"{by_id}/usb-a-video-index0", f"{by_id}/usb-b-video-index0"]
    assert list(found_devices(tmp_path / "no", tmp_path / "none")) == []
