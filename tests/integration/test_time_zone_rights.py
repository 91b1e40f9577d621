"""Who may set the machine's time zone on a flashed card: polkit itself is asked, with the rule of the card.

The bus, systemd-timedated and polkitd are real, over a copy of /etc in which the rule lies.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pi_cam.control.time_zone import REFUSED, set_time_zone
from pi_cam.errors import MissingPart
from tests.integration.test_time_zone import BUS, TIMEDATED, WITHOUT_THE_CLOCK, is_there, start, wait_until, zone_of
from tests.prerequisites import require

RULE = Path(__file__).parents[2] / "image-build/overlay/etc/polkit-1/rules.d/50-pi-cam.rules"
POLKITD = Path("/usr/lib/polkit-1/polkitd")
CAMERA, ANOTHER = 64_321, 64_322
IN_THIS_ETC = f'mount --make-rprivate / && mount --bind "$1" /etc && shift && exec {WITHOUT_THE_CLOCK} "$@"'
FOR_EVERYBODY = '<policy context="default">\n    <allow user="*"/>'


@pytest.fixture
def etc(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What timedated and polkitd take for /etc."""
    require("dbus-daemon (apt install dbus)", shutil.which("dbus-daemon") is not None)
    require("systemd-timedated", TIMEDATED.exists())
    require("polkitd (apt install polkitd)", POLKITD.exists())
    require("root, for a mount namespace", os.geteuid() == 0)
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = Path(made)
        folder.chmod(0o755)  # others than root come to the bus
        bus, configuration, etc = folder / "bus", folder / "bus.conf", folder / "etc"
        configuration.write_text(BUS.format(path=bus).replace('<policy context="default">', FOR_EVERYBODY))
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={bus}")
        (etc / "polkit-1/rules.d").mkdir(parents=True)
        shutil.copy(RULE, etc / "polkit-1/rules.d")
        (etc / "localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")
        for name in ("passwd", "group"):
            shutil.copy(f"/etc/{name}", etc)
        with (etc / "passwd").open("a") as file:
            file.write(f"pi-cam:x:{CAMERA}:{CAMERA}::/:/bin/false\nsomebody:x:{ANOTHER}:{ANOTHER}::/:/bin/false\n")
        inside = ["unshare", "--mount", "sh", "-c", IN_THIS_ETC, "sh", str(etc)]
        start(
            stack, [*inside, "dbus-daemon", f"--config-file={configuration}", "--nofork"]
        )  # it knows users by their names
        wait_until(bus.exists)
        for program in (POLKITD, TIMEDATED):
            start(stack, [*inside, str(program)])
        wait_until(is_there)
        wait_until(lambda: "PolicyKit1" in said_by("org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames"))
        yield etc


def said_by(*call: str, user: int = 0) -> str:
    asked = [
        "setpriv",
        f"--reuid={user}",
        f"--regid={user}",
        "--clear-groups",
        "dbus-send",
        "--system",
        "--print-reply",
    ]
    found = subprocess.run([*asked, f"--dest={call[0]}", *call[1:]], capture_output=True, text=True, check=False)
    return found.stdout + found.stderr


def chosen_by(user: int, zone: str) -> bool:
    """Whether the camera's own call is done when this user makes it; the other way it ends is the refusal."""
    child = os.fork()
    if child == 0:
        status = 2
        try:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            set_time_zone(zone)
            status = 0
        except MissingPart as error:
            status = 1 if str(error) == REFUSED else 2
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 1)
    return status == 0


def test_the_cameras_user_may_set_the_time_zone_and_nothing_else(etc: Path) -> None:
    set_time_zone("Etc/UTC")  # as root: both are there
    assert chosen_by(CAMERA, "Europe/Paris")
    assert zone_of(etc) == "Europe/Paris"
    said = said_by(
        "org.freedesktop.timedate1",
        "/org/freedesktop/timedate1",
        "org.freedesktop.timedate1.SetLocalRTC",
        *("boolean:true", "boolean:false", "boolean:false"),
        user=CAMERA,
    )
    assert "InteractiveAuthorizationRequired" in said or "AccessDenied" in said


def test_nobody_else_gains_anything_by_it(etc: Path) -> None:
    assert not chosen_by(ANOTHER, "Europe/Paris")
    assert zone_of(etc) == "Etc/UTC"
