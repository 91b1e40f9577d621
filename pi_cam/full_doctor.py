"""`pi-cam doctor --full`: asks the person, says what is measured, and writes the report."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pi_cam.control.findings import Finding
from pi_cam.control.measures import Measure, Nobody, Person
from pi_cam.errors import SettingError
from pi_cam.settings import Settings

if TYPE_CHECKING:
    from pi_cam.control.hardware_report import Parts

REPORT = "pi-cam-report.txt"
STANDARD = "-"
AUTO = "auto"


class Terminal:
    """A `Person` at standard input; what is told goes to standard error."""

    is_there = True

    def tell(self, text: str) -> None:
        """One line."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def asked(self, question: str) -> bool:
        """Yes is y, or o as French says it; the end of the input is no."""
        sys.stderr.write(f"{question} [y/n] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower().startswith(("y", "o"))


def measure(arguments: argparse.Namespace, source: str, checks: Sequence[Finding]) -> int:
    """Lines for people on standard output as they come, or all of them as JSON; and the report in its file."""
    from pi_cam.control import (
        hardware_report,  # with the libraries of picture and sound, which other commands do without
    )

    alone = arguments.json or arguments.report == STANDARD
    out = sys.stderr if arguments.report == STANDARD else sys.stdout
    fine = alone or said("".join(f"{finding}\n" for finding in checks))
    measures: list[Measure] = []
    for one in hardware_report.measure(_parts(arguments.data, source), _person(arguments)):
        measures.append(one)
        fine = arguments.json or (said(f"{one.finding}\n", out) and fine)
    findings = [*checks, *(one.finding for one in measures)]
    if arguments.json:
        fine = said(json.dumps([finding.as_dict() for finding in findings], indent=2) + "\n")
    if arguments.report or not arguments.json:
        fine = _written(hardware_report.report(measures, checks, source), arguments.report or REPORT) and fine
    return 1 if not fine or any(finding.level == "missing" for finding in findings) else 0


def _parts(folder: Path, source: str) -> Parts:
    """What the settings name; where they make no sense, what they name by themselves."""
    from pi_cam.control.hardware_report import Parts

    try:
        settings = Settings.load(folder)
    except SettingError:
        settings = Settings()
    ear, mouth = (settings.text(name).replace(AUTO, "") for name in ("microphone", "loudspeaker"))
    return Parts(source, ear, mouth, settings.text("button_pin"), settings.text("light_pin"))


def _person(arguments: argparse.Namespace) -> Person:
    is_there = sys.stdin is not None and sys.stdin.isatty() and not arguments.json and not arguments.no_questions
    return Terminal() if is_there else Nobody()


def _written(text: str, name: str) -> bool:
    if name == STANDARD:
        return said(text)
    try:
        Path(name).write_text(text, "utf-8")
    except OSError as error:
        sys.stderr.write(
            f"pi-cam: The report cannot be written to {name}: {error.strerror}. Name another file with --report, or - for "
            "standard output.\n"
        )
        return False
    sys.stderr.write(f"The report is in {name}. Look at it before you send it.\n")
    return True


def said(text: str, out: TextIO | None = None) -> bool:
    """Whatever this terminal's encoding; whether there was room for it where the output goes."""
    target = out or sys.stdout
    if isinstance(target, io.TextIOWrapper):
        target.reconfigure(errors="replace")
    try:
        target.write(text)
        target.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = None  # else the interpreter would try again, and complain
        sys.stderr.write(f"pi-cam: What was found cannot be written: {error.strerror}.\n")
        return False
    return True
