"""Root's part of an update (pi-cam-update.service): takes the package from the inbox, tries it, keeps it or takes it back.

Ended anywhere it is started again, and goes on from what is on the disk: the package in `Places.package` is there until the
outcome is written, and `begun.json` from the moment before the link changes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from typing import Any

from pi_cam import durable, privileges
from pi_cam.errors import Conflict, StoreError, UpdateRefused
from pi_cam.updates import trial, trusted
from pi_cam.updates.environment import Environment
from pi_cam.updates.manifest import Machine, Manifest
from pi_cam.updates.outcome import Outcome
from pi_cam.updates.package import Package
from pi_cam.updates.places import HERE, Places, release
from pi_cam.updates.slots import FolderSlots

STEADY = "steady"
"""A link to the version before, while another is on trial: from there this module is run."""

BEGUN = "begun.json"
NEVER_UP = "It was tried several times, and never got as far as to answer."
COPY_BYTES = 256 * 1024


def main() -> int:
    """Exit status 0, also for an update that was refused: that is an outcome; 1 to be started again."""
    try:
        Update(HERE).run()
    except (StoreError, Conflict, OSError) as error:
        sys.stderr.write(f"pi-cam-update: {error}\n")
        return 1
    return 0


class Update:
    """One update, from wherever it is. Raises `StoreError` and `OSError` when the disk says no."""

    def __init__(self, places: Places) -> None:
        self._places = places
        running = places.programs / STEADY
        running = running if running.exists() else places.programs / "current"
        self._slots = FolderSlots(places.programs, Environment.like(running))
        self._begun = places.kept / BEGUN

    def run(self) -> None:
        """To its end, if there is one."""
        self._slots.recover()
        if not self._places.package.exists():
            self._clear()
            self._take()
        with privileges.as_user():  # also after a cut in between: while there is a package, nobody else's comes there
            self._places.inbox.unlink(missing_ok=True)
        if not self._places.package.exists():
            return
        try:
            with Package.open(self._places.package, trusted.load()) as package:
                self._go_on(package)
        except UpdateRefused as error:
            self._refuse(str(error))

    def _take(self) -> None:
        """Copied first, then checked: what lies in the inbox can change. Read with the rights of its user alone."""
        copy = self._places.package.with_name("package.new")
        try:
            with contextlib.suppress(FileNotFoundError):
                with privileges.as_user():
                    source = privileges.open_file(self._places.inbox)
                with source, copy.open("wb") as target:
                    shutil.copyfileobj(source, target, COPY_BYTES)
                durable.rename(copy, self._places.package)
        except OSError as error:
            copy.unlink(missing_ok=True)
            self._refuse(f"The update cannot be written: {error.strerror}.")

    def _go_on(self, package: Package) -> None:
        if not self._begun.exists():
            self._put_in(package)
        if self._slots.progress().state == "unpacked":
            self._slots.begin()
        if self._slots.progress().state == "trying" and self._slots.started():
            trial.restart()
            found = trial.judge(self._places, self._remembered()["pictures"])
            if found is None:
                self._slots.commit()
            else:
                self._remember({**self._remembered(), "reason": found})
                self._slots.roll_back()
        self._finish(package.manifest)

    def _put_in(self, package: Package) -> None:
        """Raises `UpdateRefused`, for a full disk, too: to try again would fill it again."""
        package.admit(Machine.here(release()))
        before = trial.pictures(self._places) if trial.serves() else {}
        try:
            name = self._slots.put_in(package)
        except (StoreError, Conflict) as error:
            raise UpdateRefused(str(error)) from error
        self._point_steady()
        self._remember({"name": name, "pictures": before, "reason": NEVER_UP})

    def _point_steady(self) -> None:
        fresh = self._places.programs / f"{STEADY}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self._places.programs / self._slots.current())
        os.replace(fresh, self._places.programs / STEADY)
        durable.sync_folder(self._places.programs)

    def _finish(self, manifest: Manifest) -> None:
        if self._slots.current() == self._remembered()["name"]:
            self._end(Outcome.now("installed", manifest))
            # The others run on with what they have loaded: they get the version in whose folder they are.
            subprocess.run(["/usr/bin/systemctl", "try-restart", "pi-cam-netd.service"], check=False)
        else:
            trial.restart()
            self._end(Outcome.now("rolled-back", manifest, self._remembered()["reason"]))

    def _refuse(self, reason: str) -> None:
        """Also one that is on trial, if its package is not trusted any more."""
        if self._slots.progress().state == "trying":
            self._slots.roll_back()
            trial.restart()
        self._end(Outcome.now("refused", None, reason))

    def _end(self, outcome: Outcome) -> None:
        """The outcome is there before what leads to it is gone."""
        outcome.write(self._places.outcome)
        self._clear()

    def _clear(self) -> None:
        """In this order: without a package nothing is under way, whatever else is left."""
        for path in (self._places.programs / STEADY, self._places.package, self._begun):
            path.unlink(missing_ok=True)
            durable.sync_folder(path.parent)

    def _remember(self, begun: dict[str, Any]) -> None:
        """`name`: the new version's; `pictures`: of the one before; `reason`: why the new one is taken back, if it is."""
        durable.replace(self._begun, json.dumps(begun).encode())

    def _remembered(self) -> dict[str, Any]:
        """What root itself wrote."""
        content: dict[str, Any] = json.loads(self._begun.read_bytes())
        return content


if __name__ == "__main__":
    sys.exit(main())
