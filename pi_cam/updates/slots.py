"""Where versions of the program lie, and which of them runs: a new one is tried, and kept or taken back.

    idle ─put_in→ unpacked ─begin→ trying ─commit→ idle (good)
                                     └─roll_back→ returning → idle (rolled back)

Each arrow is one durable write of the state, before the link is changed or after it, so that `recover` finishes what a power
cut ended anywhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from pi_cam import durable
from pi_cam.errors import Conflict, StoreError
from pi_cam.updates.package import Package

MAX_STARTS = 3
"""Of a version that is being tried; one that needs more does not run."""

CURRENT = "current"
STATE = "update.json"
UNFINISHED = ".unpacking"
STATES = ("idle", "unpacked", "trying", "returning")


@dataclass(frozen=True, slots=True)
class Progress:
    """`state`: one of `STATES`; `new` and `before`: versions' names; `starts`: of the new one, so far; `outcome`: of the
    update before this moment, `good`, `rolled back` or nothing."""

    state: str = "idle"
    new: str = ""
    before: str = ""
    starts: int = 0
    outcome: str = ""


class SlotBackend(Protocol):
    """What a scheme of slots does; folders with a link are one, two partitions would be another."""

    def current(self) -> str:
        """The version that starts next; empty when there is none."""

    def progress(self) -> Progress:
        """How far an update is."""

    def put_in(self, package: Package) -> str:
        """Writes a package's files beside what runs; the answer is the version's name."""

    def begin(self) -> None:
        """Has the new version start next, on trial."""

    def started(self) -> bool:
        """Counts a start; whether the new version may still be tried. If not, it was taken back."""

    def commit(self) -> None:
        """Keeps the version that is on trial."""

    def roll_back(self) -> None:
        """Has the version before start next."""

    def recover(self) -> None:
        """Finishes what was ended half way. To be called before anything else."""


class Layout(Protocol):
    """What a version's folder holds beside the files of its package."""

    def files(self, folder: Path) -> Path:
        """Where in it they go."""

    def complete(self, folder: Path, place: Path) -> None:
        """Makes the rest, on the disk. `place`: what `folder` will be called. Raises `UpdateRefused`, `OSError`."""


class OnlyFiles:
    """The `Layout` of a package that is all of a version."""

    def files(self, folder: Path) -> Path:
        """The folder itself."""
        return folder

    def complete(self, folder: Path, place: Path) -> None:
        """Nothing."""


class FolderSlots:
    """A `SlotBackend`: each version is a folder in `root`, and the link `current` leads to the one that runs. One process at
    a time changes it. All raise `StoreError` when the disk says no, and `Conflict` when it is not the moment."""

    def __init__(self, root: Path, layout: Layout | None = None) -> None:
        self._root = root
        self._layout = layout or OnlyFiles()
        self._state = root / STATE

    def current(self) -> str:
        """The name that the link leads to."""
        try:
            return Path(os.readlink(self._root / CURRENT)).name
        except OSError:
            return ""

    def progress(self) -> Progress:
        """A state that makes no sense is none: the version that the link leads to runs, and is whole."""
        try:
            return _parsed(json.loads(self._state.read_bytes()))
        except (OSError, ValueError, TypeError, RecursionError):
            return Progress()

    def put_in(self, package: Package) -> str:
        """Its folder has its name only once all of it is on the disk. One that waited until now gives way."""
        progress = self.progress()
        if progress.state not in ("idle", "unpacked"):
            raise Conflict("An update is under way.")
        name = f"{package.manifest.release}-{package.manifest.version}"
        before = self.current()
        if name == before:
            raise Conflict(f"Version {name} runs already.")
        with _told(), _readable_by_everybody():
            self._write(replace(progress, state="idle", new="", before=""))
            self._forget({before})
            files = self._layout.files(self._root / UNFINISHED)
            files.parent.mkdir(parents=True, exist_ok=True)
            package.unpack(files)
            self._layout.complete(self._root / UNFINISHED, self._root / name)
            os.rename(self._root / UNFINISHED, self._root / name)
            durable.sync_folder(self._root)
            self._write(Progress("unpacked", name, before, 0, progress.outcome))
        return name

    def begin(self) -> None:
        """The state is on the disk before the link is changed."""
        progress = self._in("unpacked")
        with _told():
            self._write(replace(progress, state="trying", starts=0))
            self._point_to(progress.new)

    def started(self) -> bool:
        """The count is on the disk before the version starts: one that takes the machine down with it is counted, too."""
        progress = self.progress()
        if progress.state != "trying":
            return True
        if progress.starts >= MAX_STARTS:
            self.roll_back()
            return False
        with _told():
            self._write(replace(progress, starts=progress.starts + 1))
        return True

    def commit(self) -> None:
        """The version before it stays; older ones go."""
        progress = self._in("trying")
        with _told():
            self._write(Progress(outcome="good"))
            self._forget({progress.new, progress.before})

    def roll_back(self) -> None:
        """Once begun it is finished, whatever happens in between."""
        progress = self.progress()
        if progress.state not in ("trying", "returning"):
            raise Conflict("No update is on trial.")
        if not progress.before:
            raise Conflict("There is no version before this one.")
        with _told():
            self._write(replace(progress, state="returning"))
            self._point_to(progress.before)
            self._write(Progress(outcome="rolled back"))
            self._forget({progress.before})

    def fall_back(self, name: str) -> None:
        """Leaves all that updates brought for a version that is no folder here but a link to one: that is never forgotten.
        In this order: once begun, nobody tries or keeps what is left."""
        with _told():
            self._write(Progress(outcome="rolled back"))
            self._point_to(name)
            self._forget({name})

    def recover(self) -> None:
        """Idempotent."""
        progress = self.progress()
        with _told():
            if progress.state == "trying" and self.current() != progress.new:
                self._point_to(progress.new)
            shutil.rmtree(self._root / UNFINISHED, ignore_errors=True)
        if progress.state == "returning":
            self.roll_back()

    def _in(self, state: str) -> Progress:
        progress = self.progress()
        if progress.state != state:
            raise Conflict("No update is waiting." if state == "unpacked" else "No update is on trial.")
        return progress

    def _write(self, progress: Progress) -> None:
        durable.replace(self._state, json.dumps(asdict(progress)).encode())

    def _point_to(self, name: str) -> None:
        fresh = self._root / f"{CURRENT}.new"
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        fresh.symlink_to(self._root / name)
        os.replace(fresh, self._root / CURRENT)
        durable.sync_folder(self._root)

    def _forget(self, kept: set[str]) -> None:
        for folder in self._root.iterdir():
            if folder.is_dir() and not folder.is_symlink() and folder.name not in kept:
                shutil.rmtree(folder)


def _parsed(content: Any) -> Progress:
    progress = Progress(**content)
    texts = (progress.state, progress.new, progress.before, progress.outcome)
    if not all(isinstance(text, str) for text in texts) or progress.state not in STATES:
        raise ValueError
    if not isinstance(progress.starts, int) or any("/" in text or text == ".." for text in texts):
        raise ValueError
    return progress


@contextlib.contextmanager
def _readable_by_everybody() -> Iterator[None]:
    """Byte-code, too: the camera's user runs what root put there."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"The update cannot be written: {error.strerror or error}.") from error
