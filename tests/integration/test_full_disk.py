"""A full disk is said in a sentence; reading, signing on with what is there, and the live picture go on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.full_disk import NOT_POSSIBLE


def run(program: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", program, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode == NOT_POSSIBLE:
        pytest.skip(f"a disk of its own needs root: {done.stderr}")
    assert done.returncode == 0, done.stderr[-4000:]


def test_a_full_disk_is_said_and_the_picture_goes_on(tmp_path: Path) -> None:
    run("tests.full_disk", tmp_path)


def test_a_full_disk_refuses_no_reset(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    run("tests.full_disk_reset", tmp_path / "disk")
