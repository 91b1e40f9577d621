"""The image, and the machines that it makes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import network
from tests.image.guest import BOARDS, Guest, booted
from tests.image.root import COPY, FOLDER
from tests.prerequisites import require

TARGET = os.environ.get("TARGET") or "pc-amd64"


@pytest.fixture(scope="session")
def folder() -> Path:
    """Where the image and its records are."""
    require("a built image (make test-image builds it)", FOLDER in os.environ)
    return Path(os.environ[FOLDER])


@pytest.fixture(scope="session")
def image(folder: Path) -> Path:
    """The disk, as it is flashed."""
    (found,) = folder.glob("*.img")
    return found


@pytest.fixture(scope="session")
def system(folder: Path) -> Path:
    """What is on it, to be looked at."""
    return folder / "system"


@pytest.fixture(scope="session")
def copy(folder: Path) -> Path:
    """The same, to be started in a container."""
    require("systemd-nspawn (apt install systemd-container)", shutil.which("systemd-nspawn") is not None)
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    return Path(os.environ[COPY])


@pytest.fixture(scope="session")
def guest(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """In a virtual machine, on a fresh card."""
    require(f"{BOARDS[TARGET].program} (deploy/need.sh image)", shutil.which(BOARDS[TARGET].program) is not None)
    with booted(image, tmp_path_factory.mktemp("guest"), target=TARGET) as guest:
        yield guest
