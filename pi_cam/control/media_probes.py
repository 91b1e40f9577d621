"""Whether pictures and sound can be taken, encoded and sent here."""

from __future__ import annotations

import importlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from pi_cam.control.causes import cause_of
from pi_cam.control.findings import Finding, Level, Place
from pi_cam.errors import PiCamError

INSTALL = "On a Raspberry Pi: sudo apt install python3-picamera2 && make clean setup; elsewhere name one with --source."
REINSTALL = "Run: sudo apt install --reinstall python3-picamera2 python3-libcamera && make clean setup"
PLUG_IN = "Where sound is wanted: plug one in, then start pi-cam again."


def camera(place: Place) -> list[Finding]:
    """A camera on the ribbon cable, through picamera2, without which `serve` refuses an address of that camera."""
    level: Level = "missing" if place.source.partition(":")[0].lower() == "camera" else "optional"
    if find_spec("picamera2") is None:
        text = "picamera2 is not installed, so that only network cameras can be shown."
        return [Finding("camera", level, text, INSTALL)]
    try:
        picamera2 = importlib.import_module("picamera2")
    except (ImportError, OSError) as error:
        text = f"picamera2 is installed but cannot be loaded: {cause_of(error)}."
        return [Finding("camera", level, text, REINSTALL)]
    found = picamera2.Picamera2.global_camera_info()
    if not found:
        remedy = "Check the ribbon cable at both ends, with the power off."
        return [Finding("camera", "optional", "No camera is connected to this machine.", remedy)]
    models = ", ".join(str(one.get("Model", one["Id"])) for one in found)
    return [Finding("camera", "ok", f"Connected: {models}.")]


def encoder(_: Place) -> list[Finding]:
    """H.264 on the processor."""
    remedy = "Install PyAV from PyPI, as make setup does."
    try:
        module = importlib.import_module("pi_cam.media.encoder")
        module.PictureEncoder(320, 240, 10, 200_000).close()
    except ImportError as error:
        text = f"PyAV, which encodes pictures, cannot be loaded: {cause_of(error)}."
        return [Finding("encoder", "missing", text, remedy)]
    except PiCamError as error:
        return [Finding("encoder", "missing", str(error), remedy)]
    return [Finding("encoder", "ok", "Pictures can be encoded as H.264 on the processor.")]


def webrtc(place: Place) -> list[Finding]:
    """What is used of aiortc."""
    remedy = "Install the release of aiortc that setup.py names, as make setup does."
    try:
        lacks = place.webrtc_lacks()
    except ImportError as error:
        text = f"aiortc, which sends live pictures, cannot be loaded: {cause_of(error)}."
        return [Finding("webrtc", "missing", text, remedy)]
    if lacks:
        return [Finding("webrtc", "optional", f"This release of aiortc lacks: {', '.join(lacks)}.", remedy)]
    text = "Live pictures can be sent; what is lost on the way is sent again, and their delay is measured."
    return [Finding("webrtc", "ok", text)]


def sound(_: Place) -> list[Finding]:
    """PortAudio, and a microphone and a loudspeaker."""
    try:
        library = importlib.import_module("sounddevice")
    except ImportError:
        text = "sounddevice is not installed, so that there is no sound."
        command = shlex.join([sys.executable, "-m", "pip", "install", "sounddevice>=0.5"])
        return [Finding("sound", "optional", text, f"Where sound is wanted: {command}")]
    except OSError:
        text = "PortAudio is not installed, so that there is no sound."
        return [Finding("sound", "optional", text, "Where sound is wanted: sudo apt install libportaudio2")]
    try:
        devices = library.query_devices()
    except library.PortAudioError as error:
        remedy = "Where sound is wanted: let the user that runs pi-cam be in the group audio, then start pi-cam again."
        text = f"The sound devices cannot be listed: {cause_of(error)}."
        return [Finding("sound", "optional", text, remedy)]
    return [_microphone(_named(devices, "input")), _loudspeaker(_named(devices, "output"))]


def _named(devices: Sequence[Mapping[str, Any]], direction: str) -> list[str]:
    return [str(one["name"]) for one in devices if one[f"max_{direction}_channels"] > 0]


def _microphone(names: list[str]) -> Finding:
    if not names:
        return Finding("sound", "optional", "No microphone is connected.", PLUG_IN)
    return Finding("sound", "ok", f"A microphone is there: {names[0]}.")


def _loudspeaker(names: list[str]) -> Finding:
    if not names:
        return Finding("sound", "optional", "No loudspeaker is connected.", PLUG_IN)
    return Finding("sound", "ok", f"A loudspeaker is there: {names[0]}.")
