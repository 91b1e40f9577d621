"""These tests need libcamera's virtual camera: `make test-camera` runs them in the root that `trixie_root.py` makes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.camera import pictures, virtual_camera

IN_TRIXIE = os.environ.get("PI_CAM_IN_TRIXIE") == "1"

collect_ignore_glob = [] if IN_TRIXIE else ["test_*.py"]

if IN_TRIXIE:
    virtual_camera.install()  # before the tests' own imports of picamera2


def pytest_configure(config: pytest.Config) -> None:
    # picamera2 still names its threads' daemons the old way, and a warning would be an error here.
    config.addinivalue_line("filterwarnings", "ignore:setDaemon:DeprecationWarning")


@pytest.fixture(autouse=True, scope="session")
def virtual_cameras() -> Iterator[None]:
    """The known pictures exist before the first camera is looked for.

    libcamera's camera manager lives through all tests, because it has a socket, and what pytest keeps of a log or an
    exception can keep it beyond its test. `second_process.py` opens cameras without that.
    """
    pictures.write_pictures()
    import libcamera

    manager = libcamera.CameraManager.singleton()
    yield
    del manager
