"""The steps of setting up, and what may follow what: pure, so that every order of things can be tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from pi_cam.errors import Conflict, NotFound

Step = Literal["language", "owner", "wifi", "camera", "time", "remote", "updates", "done"]
STEPS: tuple[Step, ...] = get_args(Step)
"""In the order in which they are offered."""

Mark = Literal["done", "skipped"]
MARKS: tuple[Mark, ...] = get_args(Mark)

BEFORE_OWNER: frozenset[Step] = frozenset({"language", "owner"})
"""All that answers while the camera is nobody's."""

NOT_HERE = "This camera has no such step of setting up."
OWNER_FIRST = "First this camera needs an owner."
OWNER_THERE = "This camera has an owner already."


@dataclass(frozen=True, slots=True)
class Progress:
    """How far somebody came. `marks`: what was done or skipped (that there is an owner says `has_owner` alone). `left_out`:
    steps that make no sense on this machine, now."""

    has_owner: bool
    marks: Mapping[Step, Mark] = field(default_factory=dict)
    left_out: frozenset[Step] = frozenset()

    @property
    def steps(self) -> tuple[Step, ...]:
        """Those that there are here. `owner` and `done` always are."""
        return tuple(step for step in STEPS if step in ("owner", "done") or step not in self.left_out)

    @property
    def current(self) -> Step:
        """Where it goes on: the first that was neither done nor skipped; `done` when there is none."""
        return next(iter(self._undone()), "done")

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do or to skip."""
        return not self._undone()

    def mark(self, step: Step) -> Mark | None:
        """What became of it; None when it is still to come."""
        if step == "owner":
            return "done" if self.has_owner else None
        return None if step == "done" else self.marks.get(step)

    def is_open(self, step: Step) -> bool:
        """Whether it may be looked at and answered now. Before there is an owner only `BEFORE_OWNER` may; afterwards all but
        `owner`, which happens once."""
        if step not in self.steps:
            return False
        return step != "owner" if self.has_owner else step in BEFORE_OWNER

    def place(self, asked: str) -> Step:
        """The step to show to who asks for `asked`: that one where it is open, else the current one."""
        return next((step for step in self.steps if step == asked and self.is_open(step)), self.current)

    def after(self, step: Step) -> Step:
        """Where it goes on after `step`: the next that is undone; those that were passed by come last."""
        undone = self._undone()
        if not self.has_owner:
            return undone[0]
        later = [one for one in undone if STEPS.index(one) > STEPS.index(step)]
        return next(iter(later or undone), "done")

    def require(self, step: Step) -> None:
        """Raises `NotFound` for a step that is left out, `Conflict` for one whose time has not come, or is over."""
        if step not in self.steps:
            raise NotFound(NOT_HERE)
        if not self.is_open(step):
            raise Conflict(OWNER_THERE if step == "owner" else OWNER_FIRST)

    def marked(self, step: Step, mark: Mark) -> Progress:
        """With this step done or skipped, for the first time or once more. Raises as `require`, and `Conflict` for `owner`,
        which is done by making one, and for `done`, which is no step to take."""
        self.require(step)
        if step in ("owner", "done"):
            raise Conflict(OWNER_FIRST if step == "owner" else "There is nothing to do in this step.")
        return replace(self, marks={**self.marks, step: mark})

    def _undone(self) -> list[Step]:
        return [step for step in self.steps if step != "done" and self.mark(step) is None]
