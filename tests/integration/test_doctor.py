"""`pi-cam doctor --full` opens the camera that it is told, and says what came."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pi_cam import cli
from pi_cam.capture.synthetic import SyntheticSource


def findings_of(capsys: pytest.CaptureFixture[str], data: Path, source: str) -> tuple[int, dict[str, dict[str, str]]]:
    status = cli.main(["doctor", "--full", "--json", "--data", str(data), "--source", source])
    return status, {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}


def test_the_pictures_are_described(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, found = findings_of(capsys, tmp_path, "synthetic:?size=320x240&fps=10")
    assert status == 0
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
