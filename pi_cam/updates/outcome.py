"""How the last update went: written by root's part, read by the command and the page."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from pi_cam import durable
from pi_cam.updates.manifest import Manifest

RESULTS = ("installed", "refused", "rolled-back")
MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Outcome:
    """`result`: one of `RESULTS`. `version` and `release`: of the update; empty and 0 where its description was not
    believed. `reason`: a sentence, empty for one that is installed. `at`: seconds since 1970, different for each."""

    result: str
    version: str
    release: int
    reason: str
    at: float

    @classmethod
    def now(cls, result: str, manifest: Manifest | None, reason: str = "") -> Outcome:
        """Of this moment."""
        version, number = (manifest.version, manifest.release) if manifest else ("", 0)
        return cls(result, version, number, reason, time.time())

    def write(self, path: Path) -> None:
        """For everybody to read. Raises `OSError`."""
        durable.replace(path, json.dumps(asdict(self)).encode())
        path.chmod(0o644)

    @classmethod
    def read(cls, path: Path) -> Outcome | None:
        """None where there was no update, or what stands there makes no sense."""
        try:
            with path.open("rb") as file:
                outcome = cls(**json.loads(file.read(MAX_BYTES)))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        texts = (outcome.result, outcome.version, outcome.reason)
        makes_sense = all(isinstance(text, str) for text in texts) and isinstance(outcome.at, float)
        return outcome if makes_sense and isinstance(outcome.release, int) and outcome.result in RESULTS else None
