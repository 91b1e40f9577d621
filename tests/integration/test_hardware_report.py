"""The report of `pi-cam doctor --full`: on this machine, on virtual sound and pins, and with parts that fail."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gpiozero
import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory

from pi_cam.capture.synthetic import SyntheticSource
from pi_cam.control import hardware_report, machine_measures, pin_measures, trial
from pi_cam.control.hardware_report import FOR_PROGRAMS, Parts
from pi_cam.control.measures import Measure, Nobody
from pi_cam.errors import SourceError
from tests.virtual_air import Room
from tests.virtual_sound import LOUDSPEAKER, MICROPHONE, VirtualSound

DOCS = Path(__file__).parents[2] / "docs/hardware-report.md"
SOURCE = "synthetic:?size=320x240&fps=10"
SECRET = "rtsp://ada:a-secret-word@127.0.0.1:9/stream"


def run(folder: Path, *words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command itself, with nobody at its input."""
    command = [sys.executable, "-m", "pi_cam.cli", "doctor", "--full", "--data", str(folder / "data"), *words]
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=environment
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def lines_of(report: str) -> dict[str, dict[str, Any]]:
    """By name; what people read and what programs read are the same."""
    people, _, programs = report.partition(FOR_PROGRAMS)
    packed = json.loads(programs)
    for line in packed["lines"]:
        assert re.search(rf"^{line['label']} +{line['name']} +{re.escape(line['text'])}$", people, re.MULTILINE), line
    return {line["name"]: line for line in packed["lines"]}


def test_every_line_is_described_and_every_description_is_a_line(tmp_path: Path) -> None:
    done = run(tmp_path, "--source", SOURCE)
    assert done.returncode == 0, done.stdout
    report = (tmp_path / "pi-cam-report.txt").read_text("utf-8")
    lines = lines_of(report)
    described = set(re.findall(r"^\| `([\w-]+)` \|", DOCS.read_text("utf-8"), re.MULTILINE))
    assert described == set(lines)
    labels = {name: line["label"] for name, line in lines.items()}
    for name in ("machine", "memory", "pictures", "picture-encoder", "memory-open", "delay", "keyframes", "bitrate"):
        assert labels[name] == "measured", lines[name]
    assert labels["button"] == labels["light"] == labels["small-pictures"] == "not here"
    figures = {name: line["figures"] for name, line in lines.items()}
    assert (figures["pictures"]["width_pixels"], figures["pictures"]["height_pixels"]) == (320, 240)
    assert figures["keyframes"]["after_pictures"] in (1, 2, 3)
    assert figures["bitrate"]["low_bits"] < figures["bitrate"]["before_bits"] * trial.FOLLOWED_SHARE
    assert 0 < figures["delay"]["median_ms"] < 1_000


def test_no_secret_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    done = run(tmp_path, "--source", SECRET, "--report", "-")
    assert done.returncode == 1
    lines = lines_of(done.stdout)
    assert lines["pictures"]["label"] == "failed"
    for word in ("ada", "a-secret-word", str(tmp_path)):
        assert word not in done.stdout
    assert "127.0.0.1" not in done.stdout


def test_no_path_is_in_it(tmp_path: Path) -> None:
    done = run(tmp_path, "--source", f"file:{tmp_path}/clip.mp4", "--report", "-")
    assert "There is no file …" in lines_of(done.stdout)["pictures"]["text"]
    assert str(tmp_path) not in done.stdout


def test_it_cannot_be_written(tmp_path: Path) -> None:
    done = run(tmp_path, "--source", "nonsense", "--report", "/nowhere/report.txt")
    assert done.returncode == 1
    said = "pi-cam: The report cannot be written to /nowhere/report.txt: No such file or directory. Name another file"
    assert said in done.stderr


@pytest.fixture
def with_sound(sound: VirtualSound) -> dict[str, str]:
    response = np.zeros(480)
    response[240] = 0.3
    sound.microphone.room(Room(0.02, response))
    return {**os.environ, **sound.environment, "PI_CAM_MICROPHONE": MICROPHONE, "PI_CAM_LOUDSPEAKER": LOUDSPEAKER}


def test_the_microphone_hears_the_tone(tmp_path: Path, with_sound: dict[str, str]) -> None:
    lines = lines_of(run(tmp_path, "--source", SOURCE, "--report", "-", environment=with_sound).stdout)
    assert lines["microphone"]["label"] == lines["loudspeaker"]["label"] == "measured", lines
    assert lines["microphone"]["figures"]["blocks"] == pytest.approx(150, rel=0.2)
    assert lines["loudspeaker"]["figures"]["heard_db"] > 10


def test_an_encoder_that_does_not_follow_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SyntheticSource, "set_bitrate", lambda self, bits: None)
    found = {one.finding.name: one for one in trial.try_camera(SOURCE)}
    assert found["bitrate"].label == "failed"
    assert "does not follow" in found["bitrate"].finding.text
    assert found["pictures"].label == "measured"


def test_one_part_that_fails_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Measure]:
        raise RuntimeError("a driver of somebody's")

    monkeypatch.setattr(machine_measures, "machine", broken)
    monkeypatch.setattr(trial, "try_camera", lambda _: _raise(SourceError("The camera is gone.")))
    found = list(hardware_report.measure(Parts(SOURCE, "off", "off", "", ""), Nobody()))
    labels = {one.finding.name: one.label for one in found}
    assert labels["machine"] == labels["pictures"] == "failed"
    assert {"button", "light", "wifi", "temperature", "throttling"} <= set(labels)


def _raise(error: Exception) -> list[Measure]:
    raise error


class Someone:
    """Who does what they are told, on simulated pins, or answers as they like."""

    is_there = True

    def __init__(self, pins: MockFactory, *presses: float, answer: bool = True) -> None:
        self._button = pins.pin("GPIO17")
        self._presses = list(presses)
        self._answer = answer

    def tell(self, text: str) -> None:
        if self._presses:
            threading.Thread(target=self._press, args=(self._presses.pop(0),)).start()

    def asked(self, question: str) -> bool:
        return self._answer

    def _press(self, seconds: float) -> None:
        pause = threading.Event()
        pause.wait(0.2)
        self._button.drive_low()
        pause.wait(seconds)
        self._button.drive_high()


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    yield factory
    factory.close()


def test_a_person_presses_and_looks(pins: MockFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pin_measures, "LOOK_SECONDS", 0.3)
    (button,) = pin_measures.button("GPIO17", Someone(pins, 0.3, 3.5))
    assert button.label == "measured", button
    assert pin_measures.PRESS_SECONDS > 3
    (light,) = pin_measures.light("GPIO27", Someone(pins))
    assert light.label == "measured"
    (dark,) = pin_measures.light("GPIO27", Someone(pins, answer=False))
    assert dark.label == "failed"


def test_nobody_presses(pins: MockFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pin_measures, "PRESS_SECONDS", 0.3)
    (button,) = pin_measures.button("GPIO17", Someone(pins))
    assert button.label == "failed"
    assert button.finding.remedy
    (unasked,) = pin_measures.button("GPIO17", Nobody())
    assert unasked.label == "not here"


def radio(root: Path) -> Path:
    """Of a machine that has one."""
    (root / "sys/class/net/wlan0/phy80211").mkdir(parents=True)
    (root / "sys/bus/drivers/brcmfmac").mkdir(parents=True)
    (root / "sys/class/net/wlan0/device").mkdir()
    (root / "sys/class/net/wlan0/device/driver").symlink_to(root / "sys/bus/drivers/brcmfmac")
    return root


@pytest.mark.parametrize(("signal", "label"), [(-55, "measured"), (-82, "failed")])
def test_a_radio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signal: int, label: str) -> None:
    """As iw says it, with a name that must not come along."""
    program = tmp_path / "bin/iw"
    program.parent.mkdir()
    link = rf"Connected to 00:11:22:33:44:55 (on wlan0)\n\tSSID: Home of Ada\n\tfreq: 2437\n\tsignal: {signal} dBm"
    answer = f'case $3 in link) printf "{link}\\n\\ttx bitrate: 65.0 MBit/s\\n" ;; *) echo "Power save: on" ;; esac'
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    (line,) = machine_measures.wifi(radio(tmp_path / "root"))
    assert line.label == label
    expected = {"driver": "brcmfmac", "signal_dbm": signal, "mhz": 2437, "sends_mbits": 65.0, "saves_power": True}
    assert line.figures == expected
    assert "Ada" not in str(line)
    assert "00:11" not in str(line)


@pytest.mark.parametrize(
    ("word", "label"), [("0x0", "measured"), ("0x50005", "failed"), ("0x10000", "failed"), ("", "not here")]
)
def test_warmth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, label: str) -> None:
    program = tmp_path / "bin/vcgencmd"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho throttled={word}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    heat = tmp_path / "sys/class/thermal/thermal_zone0/temp"
    heat.parent.mkdir(parents=True)
    heat.write_text("61250\n")
    warm, slowed = machine_measures.warmth(44.0, tmp_path)
    assert (warm.label, warm.figures) == ("measured", {"before_celsius": 44.0, "after_celsius": 61.2})
    assert slowed.label == label
