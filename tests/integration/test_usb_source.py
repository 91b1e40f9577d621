"""A USB camera that is not there, or is something else. One that films is tried in the image's guest."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pi_cam.capture.source import open_source
from pi_cam.errors import SourceError
from tests.server import serving


def first_trouble(url: str) -> str:
    said: list[SourceError | None] = []
    heard = threading.Event()

    def report(trouble: SourceError | None) -> None:
        said.append(trouble)
        heard.set()

    source = open_source(url, by_operator=False)
    source.start(lambda unit: None, report)
    try:
        assert heard.wait(10)
    finally:
        source.stop()
    return str(said[0])


def test_it_is_not_plugged_in() -> None:
    assert first_trouble("usb:/dev/video963") == "There is no camera at /dev/video963: was it unplugged?"


@pytest.mark.skipif(any(Path("/dev").glob("video*")), reason="there is one here")
def test_there_is_none_at_all() -> None:
    assert first_trouble("usb:") == "There is no USB camera: plug one in."


def test_a_device_that_is_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pi_cam.capture.usb.device_of", lambda address: "/dev/null")
    assert first_trouble("usb:/dev/video0") == "/dev/null cannot be read as a camera."


def test_it_is_added_through_the_api_and_says_what_is_wrong(tmp_path: Path) -> None:
    with serving(tmp_path, "synthetic:?size=160x120&fps=10") as server:
        token = server.token("view,configure")
        made = server.request(
            "POST",
            "/api/v1/cameras",
            token=token,
            body=b'{"name": "Desk", "address": "usb:/dev/video963"}',
            headers={"Content-Type": "application/json"},
        )
        assert made.status == 201, made.body
        row = made.json()
        assert row["source"] == "usb:/dev/video963"
        picture = server.request("GET", f"/api/v1/cameras/{row['id']}/snapshot.jpg", token=token)
        assert picture.status in (502, 503, 504), picture.body
        assert b"was it unplugged" in picture.body
