"""Rows of figures, written as `build/bench/NAME.json` and `docs/performance/NAME.md`."""

from __future__ import annotations

import json
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSIONS = ("aiortc", "av", "flask", "gunicorn")

Row = dict[str, object]
Rows = dict[str, Row]


def figure(value: float, unit: str, at_most: float) -> Row:
    """One number that is to be small."""
    return {"value": f"{value:.2f} {unit}", "goal": f"≤ {at_most:g}", "ok": value <= at_most}


def at_least(value: float, unit: str, least: float) -> Row:
    """One number that is to be large."""
    return {"value": f"{value:.1f} {unit}", "goal": f"≥ {least:g}", "ok": value >= least}


def times(found: Sequence[float], at_most: float | None) -> Row:
    """Many milliseconds, of which the median counts."""
    middle = statistics.median(found)
    return {
        "value": f"{middle:.0f} ms",
        "spread": f"{min(found):.0f} to {max(found):.0f} ms of {len(found)}",
        "goal": f"median ≤ {at_most:g} ms" if at_most else "",
        "ok": at_most is None or middle <= at_most,
    }


def machine() -> str:
    """Where it was measured, in a phrase."""
    return f"{platform.machine()}, Python {platform.python_version()}"


def write(
    name: str,
    title: str,
    method: Sequence[str],
    rows: Rows,
    versions: Sequence[str] = VERSIONS,
    more: Mapping[str, object] | None = None,
) -> None:
    """Both files, and the page to stdout. `more`: what the first also holds."""
    about = {"machine": machine(), "versions": {package: version(package) for package in versions}}
    target = ROOT / f"build/bench/{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    content = {"about": about, "rows": rows, **(more or {})}
    target.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
    lines = [f"# {title}", "", *method, "", "| figure | measured | spread | goal | reached |", "|---|---|---|---|---|"]
    for what, row in rows.items():
        reached = "yes" if row["ok"] else "no"
        lines.append(f"| {what} | {row['value']} | {row.get('spread', '')} | {row['goal']} | {reached} |")
    text = "\n".join(lines) + "\n"
    page = ROOT / f"docs/performance/{name}.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, "utf-8")
    sys.stdout.write(text)
