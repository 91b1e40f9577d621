"""Whether pictures and sound can be taken, encoded and sent here."""

from __future__ import annotations

import importlib

from pi_cam.audio.devices import devices
from pi_cam.control.findings import Finding, Place
from pi_cam.errors import MissingPart, PiCamError

PLUG_IN = "Where sound is wanted: plug one in, then start pi-cam again."


def camera(_: Place) -> list[Finding]:
    """A camera on the ribbon cable, through picamera2."""
    try:
        picamera2 = importlib.import_module("picamera2")
        found = picamera2.Picamera2.global_camera_info()
    except (ImportError, OSError, RuntimeError):
        text = "picamera2 is not installed, so that only network cameras can be shown."
        return [Finding("camera", "optional", text, "On a Raspberry Pi: sudo apt install python3-picamera2")]
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
        return [Finding("encoder", "missing", f"PyAV cannot be loaded: {error}.", remedy)]
    except PiCamError as error:
        return [Finding("encoder", "missing", str(error), remedy)]
    return [Finding("encoder", "ok", "Pictures can be encoded as H.264 on the processor.")]


def webrtc(place: Place) -> list[Finding]:
    """What is used of aiortc."""
    remedy = "Install the release of aiortc that setup.py names, as make setup does."
    try:
        lacks = place.webrtc_lacks()
    except ImportError as error:
        return [Finding("webrtc", "missing", f"aiortc cannot be loaded: {error}.", remedy)]
    if lacks:
        return [Finding("webrtc", "optional", f"This release of aiortc lacks: {', '.join(lacks)}.", remedy)]
    return [Finding("webrtc", "ok", "Live pictures with keyframe requests, retransmission and measured delay.")]


def sound(_: Place) -> list[Finding]:
    """PortAudio, and a microphone and a loudspeaker, by the names that the settings take."""
    try:
        found = devices()
    except MissingPart as error:
        remedy = "Where sound is wanted: sudo apt install libportaudio2"
        if isinstance(error.__cause__, ImportError):
            remedy = 'Where sound is wanted: pip install "pi-cam[sound]"'
        return [Finding("sound", "optional", str(error), remedy)]
    except PiCamError as error:
        return [Finding("sound", "optional", str(error), PLUG_IN)]
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
