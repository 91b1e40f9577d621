"""The words that every long-lived part uses, and how several of them start and stop together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

log = logging.getLogger(__name__)


class Subsystem(Protocol):
    """Something that runs. `stop` may be called twice, and after a `start` that failed."""

    def start(self) -> None:
        """Begins; raises `PiCamError` when it cannot."""

    def stop(self) -> None:
        """Ends, and gives back every thread, socket and device."""

    def state(self) -> dict[str, object]:
        """What a person may see of it: plain JSON values, no secrets."""


class Lifecycle:
    """Starts parts in order and stops them in reverse."""

    def __init__(self, parts: Sequence[Subsystem]) -> None:
        self._parts = list(parts)
        self._started: list[Subsystem] = []

    def start(self) -> None:
        """Starts all; when one fails, those before it are stopped again and its error is raised."""
        for part in self._parts:
            try:
                self._started.append(part)
                part.start()
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """Stops what was started, last first; one that fails does not keep the others running."""
        while self._started:
            part = self._started.pop()
            try:
                part.stop()
            except Exception:  # an edge: a part that cannot stop must not keep the rest from it
                log.exception("could not stop", extra={"part": type(part).__name__})
