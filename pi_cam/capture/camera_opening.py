"""Opening a camera by picamera2: which one, what went wrong in a person's words, and which controls it takes."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

from pi_cam.capture.camera_address import CameraAddress
from pi_cam.errors import SourceError, SourceUnreachable, SourceUnsupported

log = logging.getLogger(__name__)

NO_CAMERA = "No camera is connected: check the ribbon cable at both ends, with the power off."
BUSY = "Another program uses this camera."

Ranges = Mapping[str, tuple[float, float]]
"""Control → least and most."""


def open_camera(address: CameraAddress) -> Any:
    """A `Picamera2` that holds the camera. Raises `SourceUnreachable`, and what picamera2 and the drivers throw."""
    from picamera2 import Picamera2

    # Picamera2's number is the place in this list, which is sorted backwards: only the Id names a camera for good.
    ids = [info["Id"] for info in Picamera2.global_camera_info()]
    if not ids:
        raise SourceUnreachable(NO_CAMERA)
    if address.id and address.id not in ids:
        raise SourceUnreachable(f"No camera here has the Id {address.id!r}; there are: {', '.join(ids)}.")
    camera = Picamera2.__new__(Picamera2)
    try:
        camera.__init__(ids.index(address.id) if address.id else 0)
    except Exception:
        # A constructor that fails leaves its pipe open: a camera that is busy for a night would use up the descriptors.
        camera.notifymeread.close()
        os.close(camera.notifyme_w)
        raise
    return camera


def explain(error: BaseException) -> SourceError:
    """One sentence for a person, from whatever was thrown."""
    if isinstance(error, SourceError):
        return error
    if isinstance(error, ImportError):
        return SourceUnsupported(f"picamera2 is installed but cannot be loaded: {error}.")
    causes = [str(one).strip().rstrip(".") for one in _chain(error)]
    if any("busy" in text.lower() for text in causes):
        return SourceUnreachable(BUSY)
    if any(text.startswith(("Camera(s) not found", "No camera number")) for text in causes):
        return SourceUnreachable(NO_CAMERA)
    return SourceUnreachable(f"The camera cannot be used: {causes[-1] or type(error).__name__}.")


def advertised_controls(camera: Any) -> Ranges:
    """The controls that take one number each. (A list, such as colour gains, has no place in our `Controls`; the picture
    rate is the address's.)"""
    return {
        name: (least, most)
        for name, (least, most, _) in camera.camera_controls.items()
        if isinstance(least, int | float) and not camera.camera_ctrl_info[name][0].isArray
    }


def fitting(name: str, value: object, ranges: Ranges) -> float:
    """`value` in the type and range that the camera wants. Raises `SourceError`.

    libcamera would throw at a value of another type in picamera2's own thread, and that would end it.
    """
    if name not in ranges:
        raise SourceError(f"This camera has no control named {name}.")
    least, most = ranges[name]
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise SourceError(f"{name} takes a number.")
    number = type(least)(value)
    if number != value or not least <= number <= most:
        raise SourceError(f"{name} goes from {least} to {most}, not {value}.")
    return number


def only_fitting(values: Mapping[str, object], ranges: Ranges) -> dict[str, float]:
    """Drops, with a line in the log, what was asked for before the camera's controls were known."""
    kept = {}
    for name, value in values.items():
        try:
            kept[name] = fitting(name, value, ranges)
        except SourceError as error:
            log.warning("%s", error)
    return kept


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__
