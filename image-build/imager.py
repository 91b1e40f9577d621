"""The list that Raspberry Pi Imager reads (`rpi-imager --repo ADDRESS`): what there is to flash, and how to check it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from target import Target, epoch, version

DEVICES = ("pi5-64bit", "pi4-64bit", "pi3-64bit")
"""Imager's own words; the Zero 2 W is among the last."""


def write(target: Target, packed: Path, image: Path) -> None:
    """Beside the image. `PI_CAM_DOWNLOADS`: the address of the folder where people find it."""
    from record import sha256

    base = os.environ.get("PI_CAM_DOWNLOADS", packed.parent.as_uri()).rstrip("/")
    row: dict[str, Any] = {
        "name": f"Caméra Connectée {version()} ({target.description})",
        "description": "A connected camera that you own",
        "url": f"{base}/{packed.name}",
        "extract_size": image.stat().st_size,
        "extract_sha256": sha256(image),
        "image_download_size": packed.stat().st_size,
        "image_download_sha256": sha256(packed),
        "release_date": datetime.fromtimestamp(epoch(), UTC).date().isoformat(),
        "devices": list(DEVICES) if target.boot == "raspberry-pi" else [],
        "init_format": "rpi-preseed",
        "architecture": "armv8" if target.architecture == "arm64" else "amd64",
    }
    listed = packed.with_name(f"os_list-{target.name}.json")
    listed.write_text(json.dumps({"os_list": [row]}, indent=2, ensure_ascii=False) + "\n", "utf-8")
