"""A data folder and a machine for the doctor to look at."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pi_cam.control.findings import Place
from pi_cam.journal.actions import Entry
from pi_cam.journal.ledger import Ledger
from pi_cam.store import Store
from pi_cam.transport import webrtc_seam
from pi_cam.trust.certificates import Certificates
from pi_cam.trust.device_key import DeviceKey
from tests.looking import meminfo

KERNEL = ("proc/meminfo", "proc/net/route", "proc/net/ipv6_route", "proc/net/if_inet6")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder as a device that ran for a while leaves it."""
    folder = tmp_path / "data"
    store = Store(folder)
    store.open()
    Certificates(folder, DeviceKey.load(folder).id).renew()
    ledger = Ledger(folder, store.secret())
    ledger.open(time.time())
    ledger.add([Entry(time.time(), "watched", actor="Ada", camera="main") for _ in range(5)])
    return folder


@pytest.fixture
def place(tmp_path: Path, data: Path) -> Place:
    """This machine, with files of its kernel that a test may change, and a clock that follows another."""
    root = tmp_path / "root"
    for name in KERNEL:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(Path("/", name).read_bytes())
    (root / "run/systemd/timesync").mkdir(parents=True)
    (root / "run/systemd/timesync/synchronized").touch()
    return Place(data, webrtc_seam.missing, environment={}, root=root)


@pytest.fixture
def pi(place: Place) -> Place:
    (place.root / "proc/device-tree").mkdir()
    (place.root / "proc/device-tree/model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    (place.root / "proc/meminfo").write_text(meminfo(MemTotal=2000, MemAvailable=1500, CmaTotal=256, CmaFree=200))
    return place
