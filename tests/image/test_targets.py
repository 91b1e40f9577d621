"""What the build program says where it cannot go on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.image.root import HERE
from tests.prerequisites import require


@pytest.fixture(autouse=True)
def as_root() -> None:
    require("root", os.geteuid() == 0)


def build(*words: str, **variables: str) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PI_CAM_PI_")}
    command = [sys.executable, "image-build", *words]
    done = subprocess.run(
        command, cwd=HERE, env={**environment, **variables}, check=False, capture_output=True, text=True
    )
    return done.returncode, done.stderr


def test_an_unknown_target_is_named(tmp_path: Path) -> None:
    code, said = build("toaster", "--out", str(tmp_path))
    assert code == 2
    assert "toaster" in said
    assert "pc-amd64" in said


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    code, said = build("pc-amd64", "--out", str(tmp_path), PATH="/nowhere")
    assert code == 1
    assert "mmdebstrap" in said
    assert "deploy/need.sh image" in said
