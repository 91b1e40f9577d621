"""What the units of the appliance may do, by the files here; how they do it is in tests/appliance and tests/image."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.prerequisites import require

HERE = Path(__file__).resolve().parents[2]
HARDENED = 2.0
"""The most that `systemd-analyze security` may say of a unit."""

MORE = {
    "pi-cam-update.service": 2.1,  # root; has systemd start the camera again, takes its user's rights, asks its pages
    "pi-cam-first-boot.service": 2.1,  # names the machine
    # The next run at every start, one command each; a filter of system calls costs a slow processor more than what they do.
    "pi-cam-gadget.service": 2.3,
    "pi-cam-keep.service": 2.8,
    "pi-cam-hotspot-names.service": 2.8,
    "pi-cam-country.service": 3.4,  # asks the kernel by netlink
    "pi-cam-grow.service": 4.2,  # changes the partitions of the card
    "pi-cam-data.service": 5.1,  # so early that there is no mount namespace to hide things in
    "pi-cam-programs.service": 5.2,  # mounts for everybody: no mount namespace of its own
    "pi-cam-update-system.service": 5.4,  # Debian's packages are installed in it
}
"""And of those that cannot do their work with so little."""


def units() -> list[Path]:
    """Every service of ours: the image's, and those of install.sh."""
    folders = ("deploy/appliance", "deploy/appliance/wifi", "image-build/overlay/etc/systemd/system")
    found = [path for folder in folders for path in (HERE / folder).glob("*.service")]
    found += (HERE / "image-build/targets").glob("*/overlay/etc/systemd/system/*.service")
    return sorted([HERE / "pi-cam.service", *found], key=lambda path: path.name)


def exposure(said: str) -> float:
    """From the last line of `systemd-analyze security`."""
    found = re.search(r"exposure level for \S+: (\d+\.\d+) ", said)
    assert found is not None, said
    return float(found[1])


@pytest.mark.parametrize("unit", units(), ids=lambda unit: unit.name)
def test_units_may_do_little(unit: Path) -> None:
    require("systemd-analyze (apt install systemd)", shutil.which("systemd-analyze") is not None)
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert exposure(done.stdout) <= MORE.get(unit.name, HARDENED), done.stdout


def test_the_list_of_those_that_may_do_more_is_of_today() -> None:
    assert set(MORE) <= {path.name for path in units()}
    assert len(units()) > 15


@pytest.mark.parametrize("unit", units(), ids=lambda unit: unit.name)
def test_root_imports_from_where_root_alone_writes(unit: Path) -> None:
    """-I: neither from the folder it is in nor from what the environment names."""
    text = unit.read_text("utf-8")
    if re.search(r"^(User|DynamicUser)=", text, re.MULTILINE) is None:
        for line in re.findall(r"^Exec\w+=(.*bin/python.*)$", text, re.MULTILINE):
            assert re.search(r'bin/python"? -I -m pi_cam\.', line), line
