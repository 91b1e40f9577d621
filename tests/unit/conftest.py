"""What several unit tests stand on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_cam.store import Store
from tests.unit.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Empty, in a folder of its own."""
    store = Store(tmp_path)
    store.open()
    return store
