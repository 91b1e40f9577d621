"""The player's modules under node: its own test runner, and TypeScript's reading of their JSDoc types."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import web.ui
from tests.prerequisites import require

UI = Path(web.ui.__file__).parent


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=UI, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules_under_node() -> None:
    require("node", shutil.which("node") is not None)
    run("node", "--test", *sorted(str(path.relative_to(UI)) for path in UI.glob("tests/*.test.js")))


def test_types_hold() -> None:
    compiler = UI / "node_modules/.bin/tsc"
    require("TypeScript (npm ci in web/ui)", compiler.exists())
    run(str(compiler), "-p", "tsconfig.json")
