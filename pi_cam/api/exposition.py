"""Prometheus' text format, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["gauge", "counter"]
Sample = tuple[Mapping[str, str], float]
"""Labels by name, and the value."""


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one name. The name of a counter ends with `_total`; units are base units (seconds, bytes)."""

    name: str
    kind: Kind
    help: str
    samples: Iterable[Sample]


def one(value: float) -> list[Sample]:
    """A sample without labels."""
    return [({}, value)]


def written(families: Iterable[Family]) -> str:
    """The document. A family without samples is left out."""
    return "".join(_family(family) for family in families)


def _family(family: Family) -> str:
    lines = [f"{family.name}{_labels(labels)} {value:.15g}\n" for labels, value in family.samples]
    if not lines:
        return ""
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {family.name} {text}\n# TYPE {family.name} {family.kind}\n{''.join(lines)}"


def _labels(labels: Mapping[str, str]) -> str:
    said = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{said}}}" if said else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
