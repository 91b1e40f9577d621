"""Tests that need a Raspberry Pi are looked at only when somebody asks for them: `pytest -m hardware`."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """True keeps pytest away from everything in this folder."""
    return None if "hardware" in (config.getoption("markexpr") or "") else True


def pytest_configure(config: pytest.Config) -> None:
    # picamera2 still names its threads' daemons the old way, and a warning would be an error here.
    config.addinivalue_line("filterwarnings", "ignore:setDaemon:DeprecationWarning")
