"""The machine's time zone, set by systemd-timedated itself: on a bus of its own, over a copy of /etc."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pi_cam.control.time_zone import NOT_THERE, REFUSED, set_time_zone
from pi_cam.errors import MissingPart
from tests.contract.application import running
from tests.prerequisites import require

TIMEDATED = Path("/usr/lib/systemd/systemd-timedated")
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/><allow own="*"/>
  </policy>
</busconfig>
"""
WITHOUT_THE_CLOCK = "setpriv --bounding-set=-sys_time --inh-caps=-sys_time"
"""The first time zone that a kernel hears of moves its clock (settimeofday(2)), and this one is the machine's own."""

IN_ITS_ETC = f'mount --make-rprivate / && mount --bind "$1" /etc && exec {WITHOUT_THE_CLOCK} "$2"'


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A system bus on which there is nothing."""
    require("dbus-daemon (apt install dbus)", shutil.which("dbus-daemon") is not None)
    path, configuration = tmp_path / "bus", tmp_path / "bus.conf"
    configuration.write_text(BUS.format(path=path))
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={path}")
    with ExitStack() as stack:
        start(stack, ["dbus-daemon", f"--config-file={configuration}", "--nofork"])
        wait_until(path.exists)
        yield path


@pytest.fixture
def etc(bus: Path, tmp_path: Path) -> Iterator[Path]:
    """What the real timedated on this bus takes for /etc."""
    require("systemd-timedated", TIMEDATED.exists())
    require("root, for a mount namespace", os.geteuid() == 0)
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
    shutil.copy("/etc/passwd", etc)
    with ExitStack() as stack:
        start(stack, ["unshare", "--mount", "sh", "-c", IN_ITS_ETC, "sh", str(etc), str(TIMEDATED)])
        wait_until(is_there)
        yield etc


def start(stack: ExitStack, command: list[str]) -> None:
    process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    stack.callback(process.wait)
    stack.callback(process.kill)


def is_there() -> bool:
    asked = [
        "dbus-send",
        "--system",
        "--print-reply",
        "--dest=org.freedesktop.DBus",
        "/",
        "org.freedesktop.DBus.ListNames",
    ]
    said = subprocess.run(asked, capture_output=True, text=True, check=False)
    return "org.freedesktop.timedate1" in said.stdout


def wait_until(is_so: object) -> None:
    assert callable(is_so)
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def zone_of(etc: Path) -> str:
    return os.readlink(etc / "localtime").partition("zoneinfo/")[2]


def test_the_machine_takes_it(etc: Path) -> None:
    machine = os.readlink("/etc/localtime")
    set_time_zone("Asia/Tokyo")
    assert zone_of(etc) == "Asia/Tokyo"
    set_time_zone("America/Argentina/Buenos_Aires")
    assert zone_of(etc) == "America/Argentina/Buenos_Aires"
    assert os.readlink("/etc/localtime") == machine  # that of this machine is none of ours


def test_what_the_machine_refuses_is_said(etc: Path) -> None:
    with pytest.raises(MissingPart, match=REFUSED):
        set_time_zone("Europe/Atlantis")
    assert zone_of(etc) == "Etc/UTC"


def test_a_bus_without_it(bus: Path) -> None:
    with pytest.raises(MissingPart, match="Nothing here sets"):
        set_time_zone("Asia/Tokyo")


def test_no_bus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nobody")
    with pytest.raises(MissingPart) as said:
        set_time_zone("Asia/Tokyo")
    assert str(said.value) == NOT_THERE


def test_the_step_sets_the_machine_and_the_pages(etc: Path, tmp_path: Path) -> None:
    with running(tmp_path / "data") as application:
        client = application.owner()
        given = {"time_zone": "Europe/Paris"}
        assert client.post("/api/v1/setup/time", json=given, headers={"X-Pi-Cam": "1"}).status_code == 200
        assert application.services.settings.text("time_zone") == "Europe/Paris"
    assert zone_of(etc) == "Europe/Paris"
