"""What the portal is told of this device's settings and cameras, and what of it may be changed there: nothing but what is
listed here, and no secret. What is changed goes the way of a change at home."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pi_cam.camera_book import CameraRow
from pi_cam.cameras import Cameras
from pi_cam.errors import Conflict, NotAllowed, SettingError
from pi_cam.logs import without_secrets
from pi_cam.loop import Loop
from pi_cam.setting import Setting, Value
from pi_cam.setting_rows import SETTINGS
from pi_cam.settings import ROWS, Settings

CAMERA_NAME = re.compile(r"camera\.([a-z0-9-]{1,48})\.name")
CAMERA_TITLE = "Name of the camera"
CLOSED = "This cannot be changed from the portal."
MOVED = "It was changed at the same moment."
CHANGE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Item:
    """A row as the portal is told it. `kind`, `low`, `high`, `choices`, `restart`: as in `Setting`."""

    name: str
    value: Value
    title: str
    help: str = ""
    kind: str = "text"
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    restart: bool = False
    editable: bool = False


class Configurable:
    """The settings and cameras of this device. Any thread but the media loop's."""

    def __init__(self, settings: Settings, cameras: Cameras, loop: Loop) -> None:
        self._settings = settings
        self._cameras = cameras
        self._loop = loop

    def items(self) -> dict[str, Item]:
        """All rows by name, in the order in which they are shown. Raises `NotReady`."""
        cameras = [_camera(row) for row in self._loop.call(self._camera_rows())]
        settings = [_setting(self._settings, row) for row in SETTINGS if row.at_portal != "hidden" and not row.secret]
        return {item.name: item for item in (*cameras, *settings)}

    def change(self, name: str, value: object, before: Value) -> Value:
        """Sets a row that is `before` now; what it is then. Raises `Conflict` when it is something else by now, `NotAllowed`
        for a row that is not on the list, and what the change itself raises."""
        camera = CAMERA_NAME.fullmatch(name)
        if camera is not None:
            if not isinstance(value, str):
                raise SettingError("A name is a text.")
            return self._loop.call(self._rename(camera[1], value, before), CHANGE_SECONDS)
        if name not in ROWS or ROWS[name].at_portal != "edited":
            raise NotAllowed(CLOSED)
        changed = self._settings.change({name: value}, lambda _, found, __: _require(found, before))
        return changed[name][1] if name in changed else before

    async def _camera_rows(self) -> list[CameraRow]:
        return [camera.row for camera in self._cameras.all()]

    async def _rename(self, camera: str, name: str, before: Value) -> Value:
        changed = await self._cameras.change(camera, {"name": name}, lambda row: _require(row.name, before))
        return changed.row.name


def _require(found: Value, before: Value) -> None:
    if found != before:
        raise Conflict(MOVED)


def _camera(row: CameraRow) -> Item:
    name = without_secrets(row.name)  # somebody may have called it by its address
    return Item(f"camera.{row.id}.name", name, CAMERA_TITLE, editable=name == row.name)


def _setting(settings: Settings, row: Setting) -> Item:
    value = settings.saved(row.name)
    return Item(
        row.name,
        without_secrets(value) if isinstance(value, str) else value,
        row.title,
        row.help,
        row.kind,
        row.low,
        row.high,
        row.choices,
        row.restart,
        editable=row.at_portal == "edited" and not row.operator and settings.set_by(row.name) != "environment",
    )
