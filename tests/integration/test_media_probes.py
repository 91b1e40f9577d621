"""What the doctor says about camera, encoder, live pictures and sound."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import av
import pytest

from pi_cam.control.findings import Place
from tests.looking import doctor, looked_at, module, only

CAMERAS = "class Picamera2:\n    @staticmethod\n    def global_camera_info(): return {}"


def test_camera(tmp_path: Path, data: Path) -> None:
    none = doctor(data, environment=module(tmp_path, "picamera2", CAMERAS.format("[]")))
    one = doctor(data, environment=module(tmp_path, "picamera2", CAMERAS.format("[{'Model': 'imx708', 'Id': 'x'}]")))
    assert only("camera", none, one) == [{"name": "camera", "level": "ok", "text": "Connected: imx708.", "remedy": ""}]
    assert "ribbon" in none["camera"][0]["remedy"]


@pytest.mark.parametrize(
    ("library", "said", "remedy"),
    [
        (None, "picamera2 is not installed, so that only network cameras can be shown.", "make clean setup"),
        (
            "raise OSError('libcamera.so: no')",
            "picamera2 is installed but cannot be loaded: libcamera.so: no.",
            "reinstall",
        ),
        ("import nowhere", "picamera2 is installed but cannot be loaded: No module named 'nowhere'.", "reinstall"),
    ],
    ids=["not there", "no library", "no module"],
)
def test_a_camera_that_cannot_be_used_is_needed_where_the_source_is_one(
    tmp_path: Path, data: Path, library: str | None, said: str, remedy: str
) -> None:
    environment = module(tmp_path, "picamera2", library) if library else {}
    for source, level in (("camera:?fps=30", "missing"), ("synthetic:", "optional")):
        (found,) = doctor(data, environment={**environment, "PI_CAM_SOURCE": source})["camera"]
        assert (found["level"], found["text"]) == (level, said)
        assert "apt install" in found["remedy"]
        assert remedy in found["remedy"]


def test_the_source_is_that_of_serve(data: Path) -> None:
    """The default is the machine's own camera; the settings may name another, and the command line has the last word."""
    assert doctor(data, environment={"PI_CAM_SOURCE": "camera:"})["camera"][0]["level"] == "missing"
    (data / "settings.json").write_text('{"version": 2, "values": {"source": "synthetic:"}}')
    (data / "settings.json").chmod(0o600)
    assert doctor(data, source=None)["camera"][0]["level"] == "optional"
    (data / "settings.json").unlink()
    assert doctor(data, source=None)["camera"][0]["level"] == "missing"
    assert doctor(data, "--source", "synthetic:", source=None)["camera"][0]["level"] == "optional"


def test_encoder_without_pyav(tmp_path: Path, data: Path) -> None:
    lines = doctor(data, environment=module(tmp_path, "av", "raise ImportError('hidden')"))
    assert lines["encoder"][0]["text"] == "PyAV, which encodes pictures, cannot be loaded: hidden."
    missing = {name for name, found in lines.items() if any(one["level"] == "missing" for one in found)}
    assert missing == {"encoder", "webrtc"}  # aiortc needs PyAV, too


def test_encoder_of_an_ffmpeg_without_x264(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder is really opened: nothing else would tell."""
    before = looked_at(place)

    def without(*_: object) -> None:
        raise av.codec.codec.UnknownCodecError("libx264")

    monkeypatch.setattr("av.CodecContext.create", without)
    found = only("encoder", before, looked_at(place))
    assert found[0]["text"] == "FFmpeg here has no H.264 encoder (libx264): install PyAV from PyPI."


def test_webrtc(tmp_path: Path, data: Path, place: Place) -> None:
    hidden = doctor(data, environment=module(tmp_path, "aiortc", "raise ImportError('hidden')"))
    said = "aiortc, which sends live pictures, cannot be loaded: hidden."
    assert only("webrtc", doctor(data), hidden)[0]["text"] == said
    lacking = looked_at(replace(place, webrtc_lacks=lambda: ["packet history"]))
    assert only("webrtc", looked_at(place), lacking)[0]["text"] == "This release of aiortc lacks: packet history."


DEVICES = """
FOUND = {}
class PortAudioError(Exception): pass
def query_hostapis():
    return [dict(name="ALSA", devices=range(len(FOUND)), default_input_device=-1, default_output_device=-1)]
def query_devices(index):
    name, inputs, outputs = FOUND[index]
    return dict(name=name, max_input_channels=inputs, max_output_channels=outputs, default_samplerate=48000.0)
"""
SILENT = """class PortAudioError(Exception): pass
def query_hostapis(): raise PortAudioError('Error querying host API')
"""


def test_sound(tmp_path: Path, data: Path) -> None:
    found = "[('mic', 1, 0), ('box', 0, 2), ('set', 1, 1)]"
    both = doctor(data, environment=module(tmp_path, "sounddevice", DEVICES.format(found)))
    named = ["A microphone is there: mic, set.", "A loudspeaker is there: box, set."]
    assert [one["text"] for one in both["sound"]] == named
    deaf = doctor(data, environment=module(tmp_path, "sounddevice", DEVICES.format("[('box', 0, 2)]")))
    assert only("sound", both, deaf)[0]["text"] == "No microphone is connected."
    library = doctor(data, environment=module(tmp_path, "sounddevice", "raise OSError('PortAudio library not found')"))
    assert "libportaudio2" in only("sound", both, library)[0]["remedy"]
    silent = doctor(data, environment=module(tmp_path, "sounddevice", SILENT))
    assert only("sound", both, silent)[0] == {
        "name": "sound",
        "level": "optional",
        "text": "The sound devices do not answer.",
        "remedy": "Where sound is wanted: let the user that runs pi-cam be in the group audio, then start pi-cam again.",
    }


def test_without_the_library_for_sound_a_command_is_named_that_brings_it(tmp_path: Path, data: Path) -> None:
    (found,) = doctor(data, environment=module(tmp_path, "sounddevice", "raise ImportError('hidden')"))["sound"]
    command = shlex.split(found["remedy"].removeprefix("Where sound is wanted: "))
    assert command == [sys.executable, "-m", "pip", "install", "sounddevice>=0.5"]
    setup = (Path(__file__).parents[2] / "setup.py").read_text("utf-8")
    assert f'"{command[-1]}"' in setup
