"""The units since the last keyframe, for newcomers to a camera that cannot be asked for one."""

from __future__ import annotations

from dataclasses import replace

from pi_cam.media.units import AccessUnit

FAST_FORWARD_TICKS = 90
"""Spacing of units handed to a newcomer: 1 ms each, so that a player decodes them at once."""

REMEMBERED_BYTES = 4 * 1024 * 1024
"""Most that is kept: about eight seconds at 4 Mbit/s. Beyond that a newcomer waits for the next keyframe."""


class RecentUnits:
    """Begins at a keyframe, bounded in bytes."""

    def __init__(self) -> None:
        self._units: list[AccessUnit] = []
        self._bytes = 0

    def add(self, unit: AccessUnit) -> None:
        """One more."""
        if unit.keyframe:
            self.clear()
        elif not self._units:
            return
        self._bytes += len(unit.data)
        if self._bytes > REMEMBERED_BYTES:
            self.clear()
        else:
            self._units.append(unit)

    def clear(self) -> None:
        """The stream was interrupted."""
        self._units, self._bytes = [], 0

    def fast_forward(self) -> list[AccessUnit]:
        """All, timed to be decoded at once, the last one at its own time. The first is a keyframe."""
        behind = len(self._units) - 1
        return [
            replace(unit, pts=self._units[-1].pts - (behind - index) * FAST_FORWARD_TICKS)
            for index, unit in enumerate(self._units)
        ]
