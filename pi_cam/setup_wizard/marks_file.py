"""`setup.json` in the data folder: which steps of setting up were done or skipped. Written after each, so that a power cut
costs the step in hand at most."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

from pi_cam import durable
from pi_cam.errors import StoreError
from pi_cam.setup_wizard.steps import MARKS, STEPS, Mark, Progress, Step

log = logging.getLogger(__name__)

FILE = "setup.json"
VERSION = 1
MAX_BYTES = 16 * 1024
DAMAGED = "It is not known any more how far setting up had come, so it begins anew. What was set up stays as it is."


class MarksFile:
    """Any thread. A file that makes no sense is the same as none, and `problem` says so until the next step is done."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()
        self.problem: str | None = None
        self._marks: dict[Step, Mark] = {}
        try:
            self._marks = _read(self._path)
        except (OSError, ValueError, RecursionError) as error:
            self.problem = DAMAGED
            log.warning("setting up begins anew", extra={"trouble": f"{FILE}: {error}"[:200]})

    def progress(self, *, has_owner: bool, left_out: frozenset[Step]) -> Progress:
        """How far it came, on this machine as it is now."""
        return Progress(has_owner, dict(self._marks), left_out)

    def note(self, step: Step, mark: Mark) -> None:
        """Keeps what became of a step. Raises `StoreError`; then nothing has changed."""
        with self._lock:
            if self._marks.get(step) == mark and self.problem is None:
                return
            marks: dict[Step, Mark] = {**self._marks, step: mark}
            try:
                durable.replace(self._path, (json.dumps({"version": VERSION, "marks": marks}) + "\n").encode())
            except OSError as error:
                raise StoreError(f"How far setting up came cannot be written: {error.strerror}.") from error
            self._marks, self.problem = marks, None


def _read(path: Path) -> dict[Step, Mark]:
    """What it says of steps that this version knows. Raises `ValueError` when it is no such file."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    content = json.loads(data) if len(data) <= MAX_BYTES else None
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise ValueError("this is not how far setting up came")
    marks = content.get("marks")
    if not isinstance(marks, dict):
        raise ValueError("it has no marks")
    return {step: mark for step in STEPS for mark in MARKS if marks.get(step) == mark}
