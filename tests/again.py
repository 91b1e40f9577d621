"""Looks a second time, by itself, at the few tests that failed while others ran beside them.

    python -m tests.again PYTEST-ARGUMENT...

Many tests hold the program to a limit of time (it ends within two seconds, a picture is there within one). Beside other
tests on two cores the limit may be missed by their doing. So a run in which at most `FEW` tests failed tries those once
more, alone. What fails again, fails; what then passes is named at the end, since it may be more than the machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

FEW = 3
"""More than that is no accident."""


def main(arguments: list[str]) -> int:
    """Runs pytest with the arguments, and perhaps a second time; the status is pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        status = _pytest(folder, *arguments)
        failed = _failed(Path(folder))
        if status != pytest.ExitCode.TESTS_FAILED or not 0 < len(failed) <= FEW:
            return status
        print(f"\n{len(failed)} failed beside others. Once more, alone:", flush=True)  # noqa: T201
        status = _pytest(folder, *failed)
        if status == pytest.ExitCode.OK:
            print("PASSED ONLY ALONE, look at why:\n" + "\n".join(f"  {test}" for test in failed), flush=True)  # noqa: T201
        return status


def _pytest(folder: str, *arguments: str) -> int:
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={folder}", *arguments]
    return subprocess.run(command, check=False).returncode


def _failed(folder: Path) -> list[str]:
    """What pytest's own cache says failed; nothing when it failed otherwise (a skip that nobody allowed, a broken file)."""
    try:
        return sorted(json.loads((folder / "v/cache/lastfailed").read_text("utf-8")))
    except FileNotFoundError:
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
