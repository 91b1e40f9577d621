"""What a `camera:` address may say, and what is said about one that makes no sense."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.capture.camera import CameraSource
from pi_cam.capture.camera_address import CameraAddress, parse_address
from pi_cam.capture.camera_opening import BUSY, NO_CAMERA, explain, fitting
from pi_cam.errors import AddressRefused, SourceError, SourceUnreachable, SourceUnsupported


def test_defaults() -> None:
    assert parse_address("camera:") == CameraAddress("", (1280, 720), 30, 2_000_000, None)


def test_everything_said() -> None:
    url = "camera:?id=/base/soc/i2c0mux/i2c@1/imx708@1a&size=1920x1080&fps=25&bitrate=4000000&small=640x360"
    wanted = CameraAddress("/base/soc/i2c0mux/i2c@1/imx708@1a", (1920, 1080), 25, 4_000_000, (640, 360))
    assert parse_address(url) == wanted


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("camera:0", "not '0'"),
        ("camera:?size=1280", "like 1280x720"),
        ("camera:?size=1281x720", "even numbers"),
        ("camera:?size=-2x720", "like 1280x720"),
        ("camera:?size=²x720", "like 1280x720"),
        ("camera:?size=99999999999999999999x720", "like 1280x720"),
        ("camera:?fps=0", "fps is a number from 1"),
        ("camera:?fps=1e2", "fps is a number from 1"),
        ("camera:?bitrate=1", "bitrate is a number from"),
        ("camera:?bitrate=", "bitrate is a number from"),
        ("camera:?small=", "like 1280x720"),
        ("camera:?size=640x480&small=1280x720", "cannot be larger"),
        ("camera:?width=1280", "not 'width'"),
    ],
)
def test_refused(url: str, words: str) -> None:
    with pytest.raises(AddressRefused, match=words):
        parse_address(url)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(AddressRefused):
        assert parse_address("camera:?" + text).fps


def test_only_the_operator_names_it() -> None:
    with pytest.raises(AddressRefused, match="command line"):
        CameraSource("camera:", by_operator=False)


def test_causes_become_sentences() -> None:
    outer = RuntimeError("Camera __init__ sequence did not complete.")
    outer.__cause__ = RuntimeError("Failed to acquire camera: Device or resource busy")
    assert str(explain(outer)) == BUSY
    assert str(explain(RuntimeError("Camera(s) not found (Do not forget ...)."))) == NO_CAMERA
    assert str(explain(KeyError("FrameDurationLimits"))) == "The camera cannot be used: 'FrameDurationLimits'."
    assert str(explain(RuntimeError())) == "The camera cannot be used: RuntimeError."
    assert isinstance(explain(ImportError("libcamera")), SourceUnsupported)
    told = SourceUnreachable("as it is")
    assert explain(told) is told


def test_a_loop_of_causes_ends() -> None:
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one
    assert isinstance(explain(one), SourceUnreachable)


@pytest.mark.parametrize("value", ["2", None, (1, 2), float("nan"), float("inf"), 2.5, 9, -1])
def test_controls_that_do_not_fit(value: object) -> None:
    with pytest.raises(SourceError, match="AfMode"):
        fitting("AfMode", value, {"AfMode": (0, 2)})


def test_controls_that_fit() -> None:
    ranges = {"AfMode": (0, 2), "Brightness": (-1.0, 1.0), "AeEnable": (False, True)}
    assert [type(fitting(name, 1, ranges)) for name in ranges] == [int, float, bool]
