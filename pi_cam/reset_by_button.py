"""The button that is held while the power comes back: the camera forgets everything, before anything else of it starts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from pi_cam import durable
from pi_cam.about import ROOT
from pi_cam.control.light import Sign
from pi_cam.control.pins import Light, contact
from pi_cam.control.presses import HeldFromStart
from pi_cam.errors import SettingError
from pi_cam.keeping.reset import put, reset
from pi_cam.settings import Settings

log = logging.getLogger(__name__)

SEEN = "started-in"
"""Holds the number of the machine's own start in which this program last started."""

BOOT_ID = "proc/sys/kernel/random/boot_id"
IMAGE = "etc/pi-cam/image"
"""Of a card that is the camera's alone: there its Wi-Fi, its name and its time zone are forgotten, too."""

LOOK_SECONDS = 0.02


def reset_if_held(
    folder: Path,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    root: Path = ROOT,
) -> bool:
    """Whether it was, and all is forgotten. To be called with nothing else in the folder; takes a moment where there is no
    button, or nobody holds it. Only at the first start since the machine has power: whoever leans on the button later, while
    an update makes the camera start again, loses nothing. Raises `Conflict`, `StoreError`."""
    if not folder.is_dir():  # nothing is remembered yet
        return False
    try:
        settings = Settings.load(folder)
    except SettingError:  # it will be said by who needs them
        return False
    pin, seconds = settings.text("button_pin"), settings.integer("reset_hold_seconds")
    if not pin or not seconds or not _is_first_start(folder, root):
        return False
    sign: list[Sign] = ["off"]
    light = Light(settings.text("light_pin"), lambda: sign[0])
    with contact(pin) as is_closed:
        if is_closed is None:
            return False
        held = HeldFromStart(seconds, clock())
        while (now := held.look(is_closed(), clock())) in ("holding", "flickering"):
            if now == "flickering" and sign[0] != "reset":
                sign[0] = "reset"
                light.start()
            sleep(LOOK_SECONDS)
    try:
        if now == "meant":
            log.warning("the button was held while the power came back: everything is forgotten")
            reset(folder, machine=(root / IMAGE).exists())
            _is_first_start(folder, root)  # forgotten, too
    finally:
        light.stop()
    return now == "meant"


def _is_first_start(folder: Path, root: Path) -> bool:
    """Not where that cannot be noted: it would be taken for the first one again and again."""
    try:
        number = (root / BOOT_ID).read_bytes()
        seen = folder / SEEN
        durable.make_way(seen)
        if seen.exists() and seen.read_bytes() == number:
            return False
        put(seen, number)
    except OSError as error:
        log.warning("it cannot be noted that the camera started", extra={"trouble": error.strerror})
        return False
    return True
