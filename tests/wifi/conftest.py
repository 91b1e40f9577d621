"""A machine with three virtual radios: the camera's, that of a home's router, and a phone's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance.root import COPY, SOURCE, WHEELS, in_copy, put_source
from tests.prerequisites import require
from tests.wifi.air import Air
from tests.wifi.machine import PROGRAM, Machine, started

HERE = Path(__file__).parent
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": WHEELS}
AGENT = """[Unit]
Description=Does what the tests ask
[Service]
ExecStart=/usr/bin/python3 /srv/agent.py
Restart=always
[Install]
WantedBy=multi-user.target
"""
OTHERS = """[keyfile]
unmanaged-devices=interface-name:wlan1;interface-name:wlan2;interface-name:hwsim*;type:ethernet
"""


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Installed while it did not run, as an image is, with a hotspot that opens by itself."""
    require("a Debian root (make test-wifi makes it)", COPY in os.environ)
    require("QEMU (apt install qemu-system-x86)", shutil.which(PROGRAM) is not None)
    copy = Path(os.environ[COPY])
    put_source(copy)
    done = in_copy(copy, f"{SOURCE}/deploy/install.sh", "--no-start", **OFFLINE)
    assert done.returncode == 0, done.stdout
    (copy / "etc/pi-cam/wifi").write_text("PI_CAM_NETD_HOTSPOT=yes\n", "ascii")
    (copy / "etc/NetworkManager/conf.d/others.conf").write_text(OTHERS, "ascii")
    (copy / "etc/systemd/system/agent.service").write_text(AGENT, "ascii")
    for name in ("agent.py", "phone.py"):
        shutil.copy(HERE / name, copy / "srv" / name)
    in_copy(copy, "systemctl", "enable", "--quiet", "agent.service")
    with started(copy, tmp_path_factory.mktemp("machine")) as machine:
        yield machine


@pytest.fixture(scope="session")
def air(machine: Machine) -> Air:
    """The radios are there, and the home's router sends before the camera listens."""
    machine.run("systemctl stop pi-cam-netd.service")
    air = Air(machine)
    air.home_on()
    machine.run("systemctl start pi-cam-netd.service")
    return air
