"""What this machine has of what a camera needs. Each line is a real probe."""

from __future__ import annotations

import importlib
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pi_cam.errors import PiCamError
from pi_cam.settings import Settings
from pi_cam.store import DATABASE, Store

Level = Literal["ok", "optional", "missing"]
MIN_FREE_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was found, and what to do."""

    name: str
    level: Level
    text: str

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.level:8} {self.name}: {self.text}"


def examine(folder: Path, webrtc_lacks: list[str]) -> list[Finding]:
    """All probes, in order. `webrtc_lacks`: as `transport.webrtc_seam.missing` says."""
    return [_encoder(), _webrtc(webrtc_lacks), _folder(folder), _settings(folder), _space(folder), _camera()]


def _encoder() -> Finding:
    from pi_cam.media.encoder import PictureEncoder

    try:
        encoder = PictureEncoder(320, 240, 10, 200_000)
        encoder.close()
    except PiCamError as error:
        return Finding("encoder", "missing", str(error))
    return Finding("encoder", "ok", "H.264 on the processor")


def _webrtc(lacking: list[str]) -> Finding:
    if lacking:
        return Finding("webrtc", "optional", f"This release of aiortc lacks: {', '.join(lacking)}.")
    return Finding("webrtc", "ok", "keyframe requests, retransmission and delay")


def _folder(folder: Path) -> Finding:
    there, problem = _nearest(folder), None  # looking makes nothing
    try:
        if (folder / DATABASE).exists():
            store = Store(folder)
            store.open(create=False)
            problem = store.problem()
        with tempfile.TemporaryFile(dir=there):
            pass
    except (PiCamError, OSError) as error:
        return Finding("data", "missing", f"{error}")
    if problem:
        return Finding("data", "optional", problem)
    return Finding("data", "ok", f"{folder} can be written" if folder.exists() else f"{folder} can be made")


def _settings(folder: Path) -> Finding:
    problems = Settings.load(folder).problems()
    return Finding("settings", "optional" if problems else "ok", " ".join(problems) or "every value makes sense")


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(_nearest(folder)).free
    if free < MIN_FREE_BYTES:
        return Finding("disk", "missing", f"Only {free >> 20} MB are free; delete something.")
    return Finding("disk", "ok", f"{free >> 20} MB free")


def _nearest(folder: Path) -> Path:
    """The folder itself, or the first above it that exists."""
    absolute = folder.absolute()
    return next(path for path in (absolute, *absolute.parents) if path.exists())


def _camera() -> Finding:
    try:
        picamera2 = importlib.import_module("picamera2")
        found = picamera2.Picamera2.global_camera_info()
    except (ImportError, OSError, RuntimeError):
        text = "picamera2 is not installed: on a Raspberry Pi, sudo apt install python3-picamera2"
        return Finding("camera", "optional", text)
    if not found:
        return Finding("camera", "optional", "No camera is connected: check the ribbon cable.")
    return Finding("camera", "ok", ", ".join(str(camera.get("Model", camera["Id"])) for camera in found))
