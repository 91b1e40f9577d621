"""Whether pictures and sound can be taken, encoded and sent here."""

from __future__ import annotations

import importlib
import shlex
import sys
from importlib.util import find_spec

from pi_cam.audio.devices import devices
from pi_cam.control.causes import cause_of
from pi_cam.control.findings import Finding, Level, Place
from pi_cam.errors import MissingPart, PiCamError

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
    """PortAudio, and a microphone and a loudspeaker, by the names that the settings take."""
    try:
        found = devices()
    except MissingPart as error:
        remedy = "Where sound is wanted: sudo apt install libportaudio2"
        if isinstance(error.__cause__, ImportError):
            command = shlex.join([sys.executable, "-m", "pip", "install", "sounddevice>=0.5"])
            remedy = f"Where sound is wanted: {command}"
        return [Finding("sound", "optional", str(error), remedy)]
    except PiCamError as error:
        remedy = "Where sound is wanted: let the user that runs pi-cam be in the group audio, then start pi-cam again."
        return [Finding("sound", "optional", str(error), remedy)]
    return [
        _microphone([one.name for one in found if one.serves("input")]),
        _loudspeaker([one.name for one in found if one.serves("output")]),
    ]


def _microphone(names: list[str]) -> Finding:
    if not names:
        return Finding("sound", "optional", "No microphone is connected.", PLUG_IN)
    return Finding("sound", "ok", f"A microphone is there: {', '.join(names)}.")


def _loudspeaker(names: list[str]) -> Finding:
    if not names:
        return Finding("sound", "optional", "No loudspeaker is connected.", PLUG_IN)
    return Finding("sound", "ok", f"A loudspeaker is there: {', '.join(names)}.")
