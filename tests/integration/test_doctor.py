"""`pi-cam doctor --full` opens the camera that it is told, and says what came."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pi_cam import cli
from pi_cam.capture.source import Capabilities
from pi_cam.capture.synthetic import SyntheticSource
from pi_cam.control import trial
from pi_cam.media.units import AccessUnit
from pi_cam.meter import StreamMeter
from tests.looking import by_name


def findings_of(capsys: pytest.CaptureFixture[str], data: Path, source: str) -> tuple[int, dict[str, dict[str, str]]]:
    status = cli.main(["doctor", "--full", "--json", "--data", str(data), "--source", source])
    lines = by_name(json.loads(capsys.readouterr().out))
    return status, {name: found[0] for name, found in lines.items()}


def test_the_pictures_are_described(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, found = findings_of(capsys, tmp_path, "synthetic:?size=320x240&fps=10")
    assert status == 0, found
    assert found["pictures"]["level"] == found["keyframes"]["level"] == "ok"
    assert re.match(r"H\.264 320x240, (9|10)(\.\d)? pictures a second", found["pictures"]["text"])


def test_an_encoder_that_takes_no_requests_is_found_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SyntheticSource, "request_keyframe", lambda self: None)
    status, found = findings_of(capsys, tmp_path, "synthetic:?size=320x240&fps=10")
    assert status == 1
    assert (found["pictures"]["level"], found["keyframes"]["level"]) == ("ok", "missing")


@pytest.mark.parametrize("source", ["file:/nowhere/clip.mp4", "rtsp://127.0.0.1:9/", "nonsense"])
def test_it_is_said_why_there_are_none(capsys: pytest.CaptureFixture[str], tmp_path: Path, source: str) -> None:
    status, found = findings_of(capsys, tmp_path, source)
    assert status == 1
    assert found["pictures"]["level"] == "missing"
    assert re.fullmatch(r"(There is no file|The camera at|A camera address starts with).+", found["pictures"]["text"])


def test_a_camera_that_takes_no_requests(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SyntheticSource, "capabilities", Capabilities())
    status, found = findings_of(capsys, tmp_path, "synthetic:?size=320x240&fps=10")
    assert status == 0
    assert (found["keyframes"]["level"], "takes no requests" in found["keyframes"]["text"]) == ("optional", True)


@pytest.mark.parametrize("fps", [1, 2])
def test_a_camera_of_few_pictures_is_given_time(capsys: pytest.CaptureFixture[str], tmp_path: Path, fps: int) -> None:
    """The third picture after a request is in time, whenever it comes."""
    status, found = findings_of(capsys, tmp_path, f"synthetic:?size=320x240&fps={fps}")
    assert status == 0
    assert found["pictures"]["level"] == "ok"
    assert found["keyframes"]["level"] != "missing"


@pytest.mark.parametrize(("fps", "seconds"), [(1, 3.0), (2, 1.5), (3, 1.0), (30, 1.0)])
def test_the_time_for_a_keyframe_is_that_of_three_pictures(fps: int, seconds: float) -> None:
    clock = [0.0]
    witness = trial.Witness(StreamMeter(lambda: clock[0]))
    for _ in range(3 * fps):
        witness.emit(AccessUnit(b"", 0, False, clock[0]))
        clock[0] += 1 / fps
    assert witness.patience() == pytest.approx(seconds, rel=0.1)
