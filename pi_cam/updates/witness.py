"""What the camera itself does for updates: says which of its cameras give pictures when root's part asks, and whether
somebody watches, and notes in the journal how an update went."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pi_cam import durable
from pi_cam.cameras import Camera
from pi_cam.errors import CameraStopped, PiCamError
from pi_cam.loop import Loop
from pi_cam.stills import first_units
from pi_cam.updates.outcome import Outcome
from pi_cam.updates.places import HERE, Places
from pi_cam.updates.trial import OFF, PICTURE

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
PICTURE_SECONDS = 20.0
NONE = "none"
ACTIONS = {"installed": "update-installed", "refused": "update-refused", "rolled-back": "update-rolled-back"}


class Witness:
    """A `Subsystem`. `cameras`: those of now; `note`: writes into the journal; `is_watched`: whether somebody watches, asked
    once a second."""

    def __init__(
        self,
        folder: Path,
        loop: Loop,
        cameras: Callable[[], Sequence[Camera]],
        note: Callable[..., object],
        places: Places = HERE,
        *,
        is_watched: Callable[[], bool] = lambda: False,
    ) -> None:
        self._own = folder / "updates"
        self._loop, self._cameras, self._note, self._places = loop, cameras, note, places
        self._is_watched = is_watched
        self._ended = threading.Event()
        self._answered = 0
        self._thread = threading.Thread(target=self._run, name="updates", daemon=True)

    def start(self) -> None:
        """Begins to look, on a machine where updates are installed."""
        if self._places.kept.is_dir() and self._own.parent == self._places.data:
            self._thread.start()

    def stop(self) -> None:
        """Ends looking. A question that is under way is not waited for."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._places.watched.unlink(missing_ok=True)

    def state(self) -> dict[str, object]:
        """`answered`: the number of the last question."""
        return {"answered": self._answered}

    def look(self) -> None:
        """Once."""
        try:
            self._show_watched()
            self._answer()
            self._tell()
        except (OSError, PiCamError) as error:
            log.warning("updates: %s", error)

    def _show_watched(self) -> None:
        """For whoever would start the machine again."""
        watched = self._is_watched()
        if watched != self._places.watched.exists():
            if watched:
                self._places.watched.touch()
            else:
                self._places.watched.unlink(missing_ok=True)

    def _answer(self) -> None:
        try:
            number = int(self._places.look.read_text("ascii"))
        except (OSError, ValueError):
            return
        if number == self._answered:
            return
        found = self._loop.call(self._pictures(), PICTURE_SECONDS + 5)
        self._own.mkdir(mode=0o700, exist_ok=True)
        durable.replace(self._own / self._places.pictures.name, json.dumps({"look": number, "cameras": found}).encode())
        self._answered = number

    async def _pictures(self) -> dict[str, str]:
        cameras = self._cameras()
        said = await asyncio.gather(*(_picture(camera) for camera in cameras))
        return {camera.id: word for camera, word in zip(cameras, said, strict=True)}

    def _tell(self) -> None:
        """Each outcome once, whatever was started again in between."""
        outcome, told = Outcome.read(self._places.outcome), self._own / "told"
        if outcome is None or (told.is_file() and told.read_text("ascii") == str(outcome.at)):
            return
        self._own.mkdir(mode=0o700, exist_ok=True)
        durable.replace(told, str(outcome.at).encode())
        detail: dict[str, Any] = {"version": outcome.version, "release": outcome.release} if outcome.version else {}
        if outcome.reason:
            detail["reason"] = outcome.reason
        self._note(ACTIONS[outcome.result], **detail)

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.look()


async def _picture(camera: Camera) -> str:
    """Opens one that is idle, as for somebody who watches."""
    try:
        await first_units(camera.hub, PICTURE_SECONDS)
    except CameraStopped:
        return OFF
    except PiCamError:
        return NONE
    return PICTURE
