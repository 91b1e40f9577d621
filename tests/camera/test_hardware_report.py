"""The lines about pictures of `pi-cam doctor --full`, with the real picamera2 on a virtual camera."""

from __future__ import annotations

from pi_cam.control import trial

ADDRESS = "camera:?id=Virtual0&size=1280x720&fps=30&bitrate=3000000&small=640x360"


def test_what_a_raspberry_pi_would_send() -> None:
    found = {one.finding.name: one for one in trial.try_camera(ADDRESS)}
    assert {name: one.label for name, one in found.items()} == {
        "pictures": "measured",
        "picture-encoder": "measured",
        "memory-open": "measured",
        "delay": "measured",
        "keyframes": "measured",
        "bitrate": "measured",
        "small-pictures": "measured",
    }, found
    figures = {name: one.figures for name, one in found.items()}
    assert (figures["pictures"]["width_pixels"], figures["pictures"]["height_pixels"]) == (1280, 720)
    assert (
        float(figures["small-pictures"]["pictures_per_second"]) > 15
    )  # of one size only: the virtual camera has no other
    assert "processor" in str(figures["picture-encoder"]["encoder"]), "there is no chip for it here"
    assert int(figures["keyframes"]["after_pictures"]) <= trial.KEYFRAME_PICTURES
