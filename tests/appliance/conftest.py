"""The camera, installed on a Debian that runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import network
from tests.appliance.guest import Guest, booted
from tests.appliance.root import COPY, SOURCE, WHEELS, in_copy, put_source
from tests.prerequisites import require

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": WHEELS}


@pytest.fixture(scope="session")
def copy() -> Path:
    require("a Debian root (make test-install makes it)", COPY in os.environ)
    require("systemd-nspawn (apt install systemd-container)", shutil.which("systemd-nspawn") is not None)
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    return Path(os.environ[COPY])


@pytest.fixture(scope="session")
def guest(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """Installed while it did not run, as in an image, and then booted."""
    put_source(copy)
    done = in_copy(copy, f"{SOURCE}/deploy/install.sh", "--no-start", **OFFLINE)
    assert done.returncode == 0, done.stdout
    with booted(copy, tmp_path_factory.mktemp("guest") / "console") as guest:
        yield guest
