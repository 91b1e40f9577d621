"""The cameras of this device as they are written down: names, order, sealed addresses, and who stopped them."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from dataclasses import dataclass, replace
from itertools import count

from pi_cam.errors import Conflict, NotFound, SettingError, StoreError
from pi_cam.store import Store
from pi_cam.trust.names import plain_name
from pi_cam.trust.sealing import Seal

MAX_CAMERAS = 32
MAIN = "main"
"""The one that `pi-cam serve --source` names: always there, its address is the operator's."""

_INSERT = "INSERT INTO cameras (name, address, small_address, allow_lan, id) VALUES (?, ?, ?, ?, ?)"
_UPDATE = "UPDATE cameras SET name = ?, address = ?, small_address = ?, allow_lan = ? WHERE id = ?"


@dataclass(frozen=True, slots=True)
class CameraRow:
    """A camera. `address` and `small_address` may hold passwords; None for the operator's camera, and where there is no
    second stream. `allow_lan`: the owner said that it stands in a private network. `unreadable`: the seal of an address is
    broken."""

    id: str
    name: str
    position: int = 0
    address: str | None = None
    small_address: str | None = None
    allow_lan: bool = False
    stopped: bool = False
    unreadable: bool = False


class CameraBook:
    """Blocks on the disk: called from any thread but the media loop's."""

    def __init__(self, store: Store, seal: Seal) -> None:
        self._store = store
        self._seal = seal

    def open(self) -> list[CameraRow]:
        """All, in order. The operator's camera is written down when it is not yet."""
        with self._store.transaction() as database:
            database.execute("INSERT OR IGNORE INTO cameras (id, name) VALUES (?, 'Camera')", (MAIN,))
            rows = database.execute(
                "SELECT id, coalesce(name, 'Camera') AS name, position, address, small_address, allow_lan, stopped"
                " FROM cameras ORDER BY position, rowid"
            ).fetchall()
        return [self._opened(row) for row in rows]

    def add(self, row: CameraRow) -> CameraRow:
        """With an id made of its name, at the end. Raises `SettingError`, `Conflict`."""
        name = plain_name(row.name)
        with self._store.transaction(rights=True) as database:
            if database.execute("SELECT count(*) FROM cameras").fetchone()[0] >= MAX_CAMERAS:
                raise Conflict(f"This device has {MAX_CAMERAS} cameras already.")
            # An id is never used again: an old token, or an old link, must not open a new camera.
            used = database.execute("SELECT id FROM cameras UNION SELECT id FROM gone_cameras")
            camera = _new_id(name, {one["id"] for one in used})
            last = database.execute("SELECT max(position) FROM cameras").fetchone()[0]
            new = CameraRow(camera, name, last + 1, row.address, row.small_address, row.allow_lan)
            self._write(database, _INSERT, new)
            database.execute("UPDATE cameras SET position = ? WHERE id = ?", (new.position, camera))
        return new

    def rename(self, row: CameraRow, name: str) -> CameraRow:
        """Touches nothing else. Raises `SettingError`, `NotFound`."""
        new = replace(row, name=plain_name(name))
        with self._store.transaction(rights=True) as database:
            _one(database.execute("UPDATE cameras SET name = ? WHERE id = ?", (new.name, row.id)).rowcount)
        return new

    def change(self, row: CameraRow) -> CameraRow:
        """Name, addresses, and whether it is in a private network. Raises `SettingError`, `NotFound`."""
        new = replace(row, name=plain_name(row.name), unreadable=False)
        with self._store.transaction(rights=True) as database:
            _one(self._write(database, _UPDATE, new))
        return new

    def remove(self, camera: str) -> None:
        """With what was granted on it. Raises `NotFound`; `Conflict` for the operator's."""
        if camera == MAIN:
            raise Conflict("This camera is named where pi-cam is started, and can only be taken away there.")
        with self._store.transaction(rights=True) as database:
            if not database.execute("DELETE FROM cameras WHERE id = ?", (camera,)).rowcount:
                raise NotFound("There is no such camera.")
            database.execute("DELETE FROM grants WHERE camera_id = ?", (camera,))
            database.execute("INSERT INTO gone_cameras (id) VALUES (?)", (camera,))

    def order(self, cameras: list[str]) -> None:
        """Puts all cameras into this order. Raises `SettingError` when it does not name each of them once."""
        with self._store.transaction() as database:
            known = sorted(row["id"] for row in database.execute("SELECT id FROM cameras"))
            if sorted(cameras) != known:
                raise SettingError("Name each camera once.")
            places = [(position, camera) for position, camera in enumerate(cameras)]
            database.executemany("UPDATE cameras SET position = ? WHERE id = ?", places)

    def set_stopped(self, camera: str, stopped: bool) -> None:
        """A person's wish, which survives a restart, and a database that is replaced by its good copy."""
        with self._store.transaction(rights=True) as database:
            database.execute("UPDATE cameras SET stopped = ? WHERE id = ?", (int(stopped), camera))

    def _write(self, database: sqlite3.Connection, query: str, row: CameraRow) -> int:
        sealed = [
            self._seal.seal(address.encode(), f"{kind} {row.id}") if address else None
            for kind, address in (("camera", row.address), ("small camera", row.small_address))
        ]
        return database.execute(query, (row.name, *sealed, int(row.allow_lan), row.id)).rowcount

    def _opened(self, row: sqlite3.Row) -> CameraRow:
        unreadable = False
        addresses: list[str | None] = []
        for kind, column in (("camera", "address"), ("small camera", "small_address")):
            try:
                sealed: bytes | None = row[column]
                addresses.append(self._seal.open(sealed, f"{kind} {row['id']}").decode() if sealed else None)
            except StoreError:
                unreadable = True
                addresses.append(None)
        flags = bool(row["allow_lan"]), bool(row["stopped"])
        return CameraRow(row["id"], row["name"], row["position"], addresses[0], addresses[1], *flags, unreadable)


def _one(changed: int) -> None:
    if not changed:
        raise NotFound("There is no such camera.")


STEM_LETTERS = 28
"""An id has 32 at most, and may end in `-100`."""


def _new_id(name: str, known: set[str]) -> str:
    """Part of addresses and file names: ASCII letters, digits and dashes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:STEM_LETTERS] or "camera"
    candidates = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    return next(candidate for candidate in candidates if candidate not in known)
