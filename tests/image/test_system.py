"""What is on the card before it ever started: no secret, nobody's machine, and nothing that waits to be opened."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.test_units import HARDENED, MORE, exposure, units
from tests.image.root import HERE

KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64}")
SETUP_CODE = re.compile(rb"\b[A-HJ-NP-Z2-9]{4}-[A-HJ-NP-Z2-9]{4}\b")
SCANNED_MAX = 4 << 20

SELF_TEST = "libgnutls"
"""GnuTLS tries itself with keys that stand in its sources."""


def files(system: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(system):
        for name in names:
            path = Path(folder, name)
            if stat.S_ISREG(path.lstat().st_mode):
                yield path


def test_there_is_no_key_in_it(system: Path) -> None:
    found = [
        path.relative_to(system)
        for path in files(system)
        if path.stat().st_size < SCANNED_MAX and KEY.search(path.read_bytes()) and not path.name.startswith(SELF_TEST)
    ]
    assert not found


def test_the_search_for_keys_would_find_one(tmp_path: Path) -> None:
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "a"], check=True)
    subprocess.run(["openssl", "genrsa", "-out", tmp_path / "b", "2048"], check=True, capture_output=True)
    assert KEY.search((tmp_path / "a").read_bytes())
    assert KEY.search((tmp_path / "b").read_bytes())


def test_nobody_can_sign_in_and_nothing_listens_for_it(system: Path) -> None:
    for line in (system / "etc/shadow").read_text("ascii").splitlines():
        assert line.split(":")[1] in ("*", "!", "!*"), line.split(":")[0]
    assert not list(system.glob("usr/sbin/sshd"))
    assert not list(system.rglob("authorized_keys"))
    assert not list(system.glob("etc/ssh/ssh_host_*"))


def test_it_is_no_machine_yet(system: Path) -> None:
    assert (system / "etc/machine-id").read_bytes() == b""
    for name in ("var/lib/dbus/machine-id", "var/lib/systemd/random-seed", "data/pi-cam", "var/lib/pi-cam/pi-cam.db"):
        assert not (system / name).exists(), name
    assert (system / "etc/hostname").read_text("ascii") == "pi-cam\n"
    assert not list((system / "var/lib/pi-cam").iterdir())
    assert not list((system / "etc/NetworkManager/system-connections").iterdir())


def test_it_holds_nothing_of_the_machine_that_built_it(system: Path) -> None:
    assert not list(system.glob("etc/pip.conf"))
    assert (system / "etc/resolv.conf").readlink() == Path("/run/NetworkManager/resolv.conf")
    words = [str(HERE).encode(), b"pi-cam-image-"]
    for path in files(system):
        if path.stat().st_size < SCANNED_MAX and path.suffix in (
            "",
            ".conf",
            ".py",
            ".txt",
            ".cfg",
            ".list",
            ".json",
            ".log",
        ):
            data = path.read_bytes()
            assert not any(word in data for word in words), path
    assert not [path for path in (system / "var/log").rglob("*") if path.is_file()]


def test_bytecode_bears_no_time_and_all_of_it_is_there(system: Path) -> None:
    """Flags of PEP 552: 1, by hash and unchecked."""
    (packages,) = system.glob("opt/pi-cam/[0-9]*/lib/python3*/site-packages")
    compiled = list(packages.rglob("*.pyc"))
    assert len(compiled) > 1000
    assert {int.from_bytes(path.read_bytes()[4:8], "little") for path in compiled} == {1}
    assert (system / "opt/pi-cam/current").readlink().is_relative_to("/opt/pi-cam")


def in_system(copy: Path, command: str) -> str:
    done = subprocess.run(
        ["chroot", copy, "sh", "-c", command], check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_units_are_sound(copy: Path) -> None:
    names = " ".join(path.name for path in (copy / "etc/systemd/system").glob("pi-cam*") if path.is_file())
    assert in_system(copy, f"mount -t proc proc /proc; systemd-analyze verify {names}; umount /proc").strip() == ""


@pytest.mark.parametrize("unit", [unit.name for unit in units() if "targets" not in unit.parts])
def test_units_may_do_little(copy: Path, unit: str) -> None:
    """As the systemd of the image sees them, with what is laid over them there. Those of one target alone are not in it."""
    said = in_system(copy, f"systemd-analyze security --offline=true --no-pager {unit} | tail -n 1")
    assert exposure(said) <= MORE.get(unit, HARDENED)


def test_scripts_are_sound() -> None:
    scripts = [
        path
        for overlay in [HERE / "image-build/overlay", *(HERE / "image-build/targets").glob("*/overlay")]
        for path in overlay.rglob("*")
        if path.is_file() and b"#!/bin/sh" in path.read_bytes()[:9]
    ]
    assert len(scripts) > 3
    subprocess.run(["shellcheck", "--severity=warning", "--shell=sh", *scripts, HERE / "deploy/lay-out.sh"], check=True)
