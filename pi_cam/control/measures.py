"""What `pi-cam doctor --full` measures: lines with figures, and the person who is asked now and then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pi_cam.control.findings import Finding, Level

Figure = bool | int | float | str
Label = Literal["measured", "not here", "failed"]

LABELS: dict[Level, Label] = {"ok": "measured", "optional": "not here", "missing": "failed"}
"""How a report calls what the doctor found."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A finding, and the figures behind its sentence, by names that end in their unit."""

    finding: Finding
    figures: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def label(self) -> Label:
        """In a word."""
        return LABELS[self.finding.level]


def measured(name: str, text: str, **figures: Figure) -> Measure:
    """It is here, and does what is promised of it."""
    return Measure(Finding(name, "ok", text), figures)


def not_here(name: str, text: str, remedy: str, **figures: Figure) -> Measure:
    """Nothing was measured, and nothing is wrong. `remedy`: what a person does who wants it measured."""
    return Measure(Finding(name, "optional", text, remedy), figures)


def failed(name: str, text: str, remedy: str, **figures: Figure) -> Measure:
    """It is here, or should be, and does not do what is promised of it."""
    return Measure(Finding(name, "missing", text, remedy), figures)


class Person(Protocol):
    """Who stands beside the machine. `is_there`: whether anybody can be asked."""

    @property
    def is_there(self) -> bool:
        """Else nothing is asked, and told to nobody."""

    def tell(self, text: str) -> None:
        """What to do now."""

    def asked(self, question: str) -> bool:
        """Yes or no."""


class Nobody:
    """A `Person` for where nobody is."""

    is_there = False

    def tell(self, text: str) -> None:
        """Nobody listens."""

    def asked(self, question: str) -> bool:
        """Nobody answers."""
        return False


NOT_ASKED = "Nobody was asked."
ASK = "Run it in a terminal beside the machine, without --no-questions."
