"""What a version on trial must show: pages, and pictures of each camera that gave them before."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pi_cam import durable, privileges
from pi_cam.updates.places import Places

CAMERA = "pi-cam.service"
RESTART_SECONDS = 200.0
SERVE_SECONDS = 60.0
LOOK_SECONDS = 30.0
"""In which one question is answered: a camera in the network gets twenty to open."""

LOOKS = 3
PICTURE, OFF = "picture", "off"
DOES_NOT_SERVE = "It did not answer."
NO_PICTURES = "A camera that gave pictures before gave none."


def restart() -> None:
    """Has systemd start the camera again. Whether it came up is asked otherwise."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(["/usr/bin/systemctl", "restart", CAMERA], check=False, timeout=RESTART_SECONDS)


def judge(places: Places, before: dict[str, str]) -> str | None:
    """A sentence of what is wrong with the version that was just started, or None. `before`: as `pictures` told it."""
    if not _until(serves, SERVE_SECONDS):
        return DOES_NOT_SERVE
    wanted = [camera for camera, said in before.items() if said == PICTURE]
    for _ in range(LOOKS):
        now = pictures(places)
        if all(now.get(camera) in (PICTURE, OFF) for camera in wanted):
            return None if serves() else DOES_NOT_SERVE
    return NO_PICTURES


def serves() -> bool:
    """Whether a page comes through the front, as people get it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is this machine, whatever it shows
    asked = http.client.HTTPSConnection("127.0.0.1", 443, timeout=5, context=context)
    try:
        asked.request("GET", "/healthz", headers={"Connection": "close"})
        return asked.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()


def pictures(places: Places) -> dict[str, str]:
    """Asks the camera that runs (`witness.Witness`): for each camera `PICTURE`, `OFF` where somebody stopped it, or else.
    Empty when nobody answers."""
    number = time.time_ns()
    durable.replace(places.look, str(number).encode())
    places.look.chmod(0o644)
    answer: dict[str, str] = {}

    def answered() -> bool:
        found = _answer(places.pictures)
        if not isinstance(found, dict) or found.get("look") != number or not isinstance(found.get("cameras"), dict):
            return False
        answer.update({str(camera): str(said) for camera, said in found["cameras"].items()})
        return True

    _until(answered, LOOK_SECONDS)
    return answer


def _answer(path: Path) -> Any:
    try:
        with privileges.as_user(), privileges.open_file(path) as file:
            return json.loads(file.read(64 * 1024))
    except (OSError, ValueError, RecursionError):
        return None


def _until(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True
