"""What this package uses of picamera2 exists in the real one and takes the arguments that it is given."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from picamera2 import Picamera2
from picamera2.encoders import Encoder, H264Encoder, LibavH264Encoder, v4l2_encoder
from picamera2.outputs import Output

from pi_cam.capture import camera, camera_encoder, camera_opening, camera_rendition
from pi_cam.capture.camera_address import parse_address

CAMERA_CALLS: dict[str, tuple[tuple[object, ...], dict[str, object]]] = {
    "__init__": ((0,), {}),
    "close": ((), {}),
    "configure": (({},), {}),
    "create_video_configuration": (
        (),
        dict.fromkeys(("main", "lores", "raw", "buffer_count", "controls", "display", "queue")),
    ),
    "set_controls": (({},), {}),
    "start": ((), {"show_preview": None}),
    "start_encoder": ((None, None), {"name": "main"}),
    "start_preview": ((), {}),
    "stop": ((), {}),
    "stop_encoder": ((None,), {}),
    "stop_preview": ((), {}),
}
CAMERA_ATTRIBUTES = {"camera_controls", "camera_ctrl_info", "notifymeread", "notifyme_w", "started"}
ENCODER_CALLS = {"force_key_frame": (), "set_bitrate": (1,)}
ENCODER_ATTRIBUTES = {"firsttimestamp"}
ENCODER_OPTIONS = {"bitrate": 1, "repeat": True, "iperiod": 60, "framerate": 30, "profile": "constrained baseline"}


def used(module: Any, owner: str) -> set[str]:
    """The attributes that a module's source takes from a variable, or an attribute of self, of this name."""
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {
        node.attr
        for node in found
        if (isinstance(node.value, ast.Name) and node.value.id == owner)
        or (isinstance(node.value, ast.Attribute) and node.value.attr == owner)
    }


def takes(function: Callable[..., object], *arguments: object, **named: object) -> None:
    inspect.signature(function).bind(*arguments, **named)


def test_these_tables_are_complete() -> None:
    of_camera = {
        name for module in (camera, camera_opening) for owner in ("camera", "_camera") for name in used(module, owner)
    }
    assert of_camera == set(CAMERA_CALLS) | CAMERA_ATTRIBUTES
    assert used(camera, "encoder") | used(camera_rendition, "encoder") == set(ENCODER_CALLS) | ENCODER_ATTRIBUTES
    assert used(camera_opening, "Picamera2") == {"__new__", "global_camera_info"}


@pytest.mark.parametrize("name", CAMERA_CALLS)
def test_camera_calls(name: str) -> None:
    arguments, named = CAMERA_CALLS[name]
    takes(getattr(Picamera2, name), None, *arguments, **named)


def test_camera_attributes_and_infos() -> None:
    takes(Picamera2.global_camera_info)
    assert {"Id"} <= Picamera2.global_camera_info()[0].keys()
    opened = camera_opening.open_camera(parse_address("camera:"))
    try:
        assert all(hasattr(opened, name) for name in CAMERA_ATTRIBUTES)
        name, (least, most, _) = next(iter(opened.camera_controls.items()))
        assert least <= most
        assert isinstance(opened.camera_ctrl_info[name][0].isArray, bool)
    finally:
        opened.close()


@pytest.mark.parametrize("kind", [H264Encoder, LibavH264Encoder])
def test_both_encoders(kind: type[Encoder]) -> None:
    takes(kind, **ENCODER_OPTIONS)
    takes(kind.force_key_frame, None)
    takes(kind._start, None)
    encoder = kind(**ENCODER_OPTIONS)
    assert all(hasattr(encoder, name) for name in (*ENCODER_ATTRIBUTES, "bitrate", "framerate", "width", "height"))


def test_what_the_software_encoder_builds_on() -> None:
    assert hasattr(LibavH264Encoder(), "drop_final_frames")
    assert "_stream" in LibavH264Encoder._start.__code__.co_names
    assert {"_stream", "encode"} <= set(LibavH264Encoder._encode.__code__.co_names)
    assert camera_encoder.SoftEncoder.force_key_frame is not LibavH264Encoder.force_key_frame


def test_what_the_hardware_encoder_builds_on() -> None:
    encoder = camera_encoder.HardEncoder(2_000_000, 30)
    assert encoder.vd is None
    encoder.set_bitrate(1_000_000)  # not open: said, not raised
    assert used(camera_encoder, "v4l2_encoder") <= set(dir(v4l2_encoder))
    assert {"VIDIOC_S_CTRL", "V4L2_CID_MPEG_VIDEO_BITRATE", "vd"} <= set(
        v4l2_encoder.V4L2Encoder._start.__code__.co_names
    )


def test_the_tap_takes_what_an_output_is_given() -> None:
    theirs = inspect.signature(Output.outputframe).parameters
    ours = inspect.signature(camera_encoder.Tap.outputframe).parameters
    assert list(theirs) == list(ours)
    assert [one.default for one in theirs.values()] == [one.default for one in ours.values()]
