"""What all tests share: a network of their own, and a look at what each leaves behind."""

from __future__ import annotations

import fnmatch
import gc
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import network
from tests.virtual_sound import VirtualSound, virtual_sound

# How fast a busy machine makes up inputs is no property of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

LINGER_SECONDS = 6.0
"""A thread that waits for a dead camera may take its time-out to end (capture.network)."""


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("collectonly", default=False):
        return
    network.enter()
    # Nothing that is tested sets this machine's clock, names or networks. Programs that are started get it, too.
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent"


ALLOWED_SKIPS = Path(__file__).parent / "allowed-skips.txt"
REFUSED_SKIP = 17
"""The status of a run that skipped what nobody allowed: none of pytest's own, since no second look mends it."""

_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """On a build machine a skip that nobody allowed is a failure."""
    if os.environ.get("CI") != "true":
        return
    lines = ALLOWED_SKIPS.read_text("utf-8").splitlines()
    allowed = [line.partition("\t")[0] for line in lines if line and not line.startswith("#")]
    refused = [test for test in _skipped if not any(fnmatch.fnmatch(test, pattern) for pattern in allowed)]
    for test in refused:
        print(f"\nskipped, but not in tests/allowed-skips.txt: {test}")  # noqa: T201 - the person reads this
    if refused:
        session.exitstatus = REFUSED_SKIP


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
        open_sockets = _sockets() - sockets
        if not left and not open_sockets:
            return
        gc.collect()  # only now: it takes longer than most tests
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    pytest.fail(f"left behind: threads {left}, sockets {sorted(open_sockets)}")


@pytest.fixture(scope="module", params=["shared", "plain"])
def sender(request: pytest.FixtureRequest) -> str:
    """Whatever is about watching by WebRTC is tried on both ways of sending: `PI_CAM_WEBRTC_SENDER`."""
    found: str = request.param
    return found


@pytest.fixture
def sound(tmp_path: Path) -> Iterator[VirtualSound]:
    """A virtual microphone and loudspeaker, for programs that get `sound.environment`."""
    folder = tmp_path / "sound"
    folder.mkdir()
    with virtual_sound(folder) as running:
        yield running


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
