"""What all tests share: a network of their own, and a look at what each leaves behind."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import network

LINGER_SECONDS = 6.0
"""A thread that waits for a dead camera may take its time-out to end (capture.network)."""


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("collectonly", default=False):
        return
    network.enter()


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """No thread and no socket outlives the test that made it."""
    if request.node.get_closest_marker("hardware"):
        yield
        return
    threads, sockets = set(threading.enumerate()), _sockets()
    yield
    deadline = time.monotonic() + LINGER_SECONDS
    while True:
        left = [thread.name for thread in threading.enumerate() if thread not in threads and thread.is_alive()]
        gc.collect()
        open_sockets = _sockets() - sockets
        if not left and not open_sockets:
            return
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    pytest.fail(f"left behind: threads {left}, sockets {sorted(open_sockets)}")


def _sockets() -> set[str]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(entry)
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found
