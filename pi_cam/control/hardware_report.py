"""The report of `pi-cam doctor --full`: everything measured once, one after the other, and one file to send.

It holds no name, no address, no network and no password: of the settings only which kind of camera they name, of the other
checks only whether they passed. docs/hardware-report.md says what each line is evidence of.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pi_cam
from pi_cam.control import machine_measures, pin_measures, sound_measures, trial
from pi_cam.control.causes import cause_of
from pi_cam.control.findings import Finding
from pi_cam.control.health import temperature
from pi_cam.control.measures import Measure, Person, failed
from pi_cam.errors import PiCamError
from pi_cam.logs import without_secrets

log = logging.getLogger(__name__)

FORMAT = 1
ADDRESS = re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b|\[[0-9a-fA-F:]+\]")
FOR_PROGRAMS = "----- the same for programs -----"
TELL = "Tell whoever looks after pi-cam, with this report."


@dataclass(frozen=True, slots=True)
class Parts:
    """What is measured: a camera's address, and the rest as the settings name it."""

    camera: str
    microphone: str
    loudspeaker: str
    button: str
    light: str


def measure(parts: Parts, person: Person) -> Iterator[Measure]:
    """All lines, each as soon as it is there. Takes about a minute; longer while a person is asked. Never raises."""
    warm = temperature()
    yield from _tried("machine", machine_measures.machine)
    yield from _tried("pictures", lambda: trial.try_camera(parts.camera))
    yield from _tried("microphone", lambda: sound_measures.sound(parts.microphone, parts.loudspeaker, person))
    yield from _tried("button", lambda: pin_measures.button(parts.button, person))
    yield from _tried("light", lambda: pin_measures.light(parts.light, person))
    yield from _tried("wifi", machine_measures.wifi)
    yield from _tried("temperature", lambda: machine_measures.warmth(warm))


def _tried(name: str, ask: Callable[[], Iterable[Measure]]) -> Iterator[Measure]:
    """What goes wrong in one part hides no other."""
    try:
        yield from ask()
    except (PiCamError, OSError, ValueError, LookupError) as error:
        yield failed(name, f"This could not be measured: {cause_of(error)}.", TELL)
    except Exception as error:  # the edge to libraries of others, which raise what they like
        log.exception("a measurement failed in a way that was not foreseen", extra={"part": name})
        yield failed(name, f"This could not be measured: {cause_of(error)}.", TELL)


def report(measures: Sequence[Measure], checks: Sequence[Finding], camera: str, now: float | None = None) -> str:
    """The file: lines for people, then the same as JSON. `checks`: the doctor's other lines."""
    made = datetime.fromtimestamp(time.time() if now is None else now, UTC).isoformat(timespec="seconds")
    rows = list(_rows(measures, _told_by(camera)))
    width = max(len(row["name"]) for row in rows)
    lines = [
        f"What pi-cam {pi_cam.__version__} measured on this machine, {made}. No name, address or password is in it.",
        "",
        *(f"{row['label']:8}  {row['name']:{width}}  {row['text']}" for row in rows),
        "",
        "Checked beside that: " + ", ".join(f"{one.name} {one.level}" for one in checks) + ".",
        "",
        FOR_PROGRAMS,
    ]
    packed = {
        "format": FORMAT,
        "made": made,
        "version": pi_cam.__version__,
        "camera": camera.partition(":")[0].lower() if ":" in camera else "",
        "lines": rows,
        "checks": [{"name": one.name, "level": one.level} for one in checks],
    }
    return "\n".join(lines) + "\n" + json.dumps(packed, ensure_ascii=False) + "\n"


def _rows(measures: Sequence[Measure], hidden: Sequence[str]) -> Iterator[dict[str, Any]]:
    for one in measures:
        figures = {
            name: _plain(value, hidden) if isinstance(value, str) else value for name, value in one.figures.items()
        }
        yield {
            "name": one.finding.name,
            "label": one.label,
            "text": _plain(one.finding.text, hidden),
            "figures": figures,
        }


def _told_by(camera: str) -> list[str]:
    """What a camera's address says of the home in which it is: a path, a host."""
    _, _, rest = camera.partition(":")
    path = rest.partition("?")[0]
    return sorted({word for word in (path, urlsplit(camera).hostname) if word and len(word) > 2}, key=len, reverse=True)


def _plain(text: str, hidden: Sequence[str]) -> str:
    """On one line, without secrets and without those words."""
    text = ADDRESS.sub("…", without_secrets(text))
    for word in hidden:
        text = text.replace(word, "…")
    return " ".join(text.split())
