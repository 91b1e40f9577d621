"""What a tunnel needs in tests: a program, secrets, and a look at what runs."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FAKE = Path(__file__).with_name("fake_cloudflared.py")
REAL = os.environ.get("CLOUDFLARED", "")
"""A real program to try instead: `make test-cloudflared CLOUDFLARED=path`."""

HOST = "camera.example.org"
TUNNEL = "8e343b13-a087-48ea-825f-9783931ff2a5"
CANARY = "c2VjcmV0LWNhbmFyeS10aGF0LW5vYm9keS1tYXktc2VlLWFueXdoZXJl"


def credentials(secret: str = CANARY) -> bytes:
    return json.dumps({"AccountTag": "0" * 32, "TunnelSecret": secret, "TunnelID": TUNNEL}).encode()


def put_secret(data: Path, name: str = "credentials.json", content: bytes | None = None, mode: int = 0o600) -> Path:
    """A file in the data folder's `tunnel/`."""
    folder = data / "tunnel"
    for one in (data, folder):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(credentials() if content is None else content)
    path.chmod(mode)
    return path


class Fake:
    """The stand-in as a program of its own, and what it is told to do."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / "cloudflared"
        self.path.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(FAKE), str(folder)])} "$@"\n')
        self.path.chmod(0o755)

    def behave(self, **how: Any) -> None:
        new = self.folder / "behaviour.new"
        new.write_text(json.dumps(how))
        new.replace(self.folder / "behaviour.json")

    def calls(self) -> list[dict[str, Any]]:
        """Every start of it, whatever for."""
        try:
            return [json.loads(line) for line in (self.folder / "runs.jsonl").read_text().splitlines()]
        except FileNotFoundError:
            return []

    def runs(self) -> list[dict[str, Any]]:
        """The starts of a tunnel."""
        return [
            call for call in self.calls() if "validate" not in call["arguments"] and call["arguments"][0] == "tunnel"
        ]

    def living(self) -> list[int]:
        return [call["pid"] for call in self.runs() if lives(call["pid"])]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> list[int]:
    """All below a process."""
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found[1:]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def until(condition: Callable[[], Any], seconds: float = 10.0, what: str = "") -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what or "it did not come in time"
        time.sleep(0.02)
    return found
