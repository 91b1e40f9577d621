"""The doctor, asked as a person asks it, and ways to break what it looks at."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from pi_cam.control.doctor import examine
from pi_cam.control.findings import Place
from tests.prerequisites import require

NETWORK = (
    "ip link set lo up; ip link add v0 type veth peer name v1; ip link set v1 up; ip link set v0 up;"
    "ip address add 10.98.0.1/24 dev v0;"
)
Lines = dict[str, list[dict[str, str]]]


def by_name(findings: Iterable[dict[str, str]]) -> Lines:
    """What is not in order comes with a remedy, and nothing else does."""
    lines: Lines = {}
    for finding in findings:
        assert bool(finding["remedy"]) == (finding["level"] != "ok"), finding
        lines.setdefault(finding["name"], []).append(finding)
    return lines


def looked_at(place: Place) -> Lines:
    return by_name(finding.as_dict() for finding in examine(place))


def doctor(
    folder: Path,
    *arguments: str,
    prefix: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    source: str | None = "synthetic:",
) -> Lines:
    """The command itself, its exit status checked. `source`: as the environment names it."""
    around = {name: value for name, value in os.environ.items() if name != "PI_CAM_SOURCE"}
    named = {"PI_CAM_SOURCE": source} if source else {}
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "pi_cam.cli", "doctor", "--json", "--data", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**around, **named, **(environment or {})},
    )
    assert done.returncode in (0, 1), done.stderr
    lines = by_name(json.loads(done.stdout))
    needed = any(one["level"] == "missing" for findings in lines.values() for one in findings)
    assert done.returncode == needed
    return lines


def levels(lines: Lines) -> dict[str, list[str]]:
    return {name: [one["level"] for one in findings] for name, findings in lines.items()}


def only(name: str, before: Lines, after: Lines) -> list[dict[str, str]]:
    """That line, after making sure that it alone has changed."""
    was, now = levels(before), levels(after)
    assert {one for one in was | now if was.get(one) != now.get(one)} == {name}
    return after[name]


def module(tmp_path: Path, name: str, text: str) -> dict[str, str]:
    """An environment in which `import name` finds this."""
    folder = tmp_path / "modules"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    return {"PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"}


def mounted(folder: Path, options: str, then: str = "") -> list[str]:
    """In front of a command: a disk of its own there."""
    mount = f"mount -t tmpfs -o {options} tmpfs {folder} && {{ {then}true; }} 2>/dev/null"
    prefix = ["unshare", "-m", "sh", "-c", f'{mount}; exec "$@"', "sh"]
    able = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0
    require("disks of its own (root)", able)
    return prefix


def networked(commands: str) -> list[str]:
    return ["unshare", "-n", "sh", "-c", f'{commands} exec "$@"', "sh"]


def secret(path: Path, content: bytes) -> None:
    path.touch(0o600)
    path.write_bytes(content)


def altered(path: Path, *statements: str) -> None:
    database = sqlite3.connect(path)
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, answer: str) -> None:
    path = tmp_path / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{answer}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")


def meminfo(**megabytes: int) -> str:
    return "".join(f"{name}:   {size * 1024} kB\n" for name, size in megabytes.items())
