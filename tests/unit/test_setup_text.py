"""What a person finds on the boot partition: the setup code until there is an owner, complaints until they were read; and
what the camera's user can make root tell there (nothing)."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_cam.setup_wizard import first_boot
from pi_cam.setup_wizard.setup_text import CODE, SetupText

COMPLAINTS = "Le fuseau horaire n’existe pas.\nThe time zone does not exist.\n"


class Machine:
    """Its root, where the boot partition is a folder. `running`: whether the camera is."""

    def __init__(self, root: Path) -> None:
        for name in ("boot/firmware", "data", "run/pi-cam"):
            (root / name).mkdir(parents=True)
        self.root, self.running, self.there = root, True, True
        self.file, self.screen = root / "boot/firmware/pi-cam-setup.txt", root / "run/issue.d/pi-cam.issue"
        self.code, self.complaints = root / "run/pi-cam/setup-code", root / "data/first-boot.txt"

    def text(self) -> SetupText:
        return SetupText(
            self.root,
            as_user=contextlib.nullcontext,
            writable=contextlib.nullcontext,
            is_there=lambda: self.there,
            is_running=lambda: self.running,
        )

    def tell(self) -> str:
        """What stands on the boot partition afterwards; empty where there is nothing."""
        self.text().tell()
        return self.file.read_bytes().decode().replace("\r\n", "\n") if self.file.exists() else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_code_is_told_until_there_is_an_owner(machine: Machine) -> None:
    machine.code.write_text("ABCD-2345\n", "ascii")
    said = machine.tell()
    assert f"https://{os.uname().nodename}.local/setup#code=ABCD-2345\n" in said
    assert machine.file.read_bytes().count(b"\r\n") == machine.file.read_bytes().count(b"\n")
    assert "ABCD-2345" in machine.screen.read_text("ascii")
    assert machine.screen.stat().st_mode & 0o777 == 0o644
    machine.code.unlink()
    machine.running = False
    assert "ABCD-2345" in machine.tell(), "between two starts of the camera nothing is known"
    machine.running = True
    assert machine.tell() == ""
    assert not machine.screen.exists()


@pytest.mark.parametrize(
    ("said", "leads"),
    [
        ("pi-cam-k7qx2m.local\n", "pi-cam-k7qx2m.local"),
        ("pi-cam.local\n", f"{os.uname().nodename}.local"),
        ("pi-cam-k7qx2m.local.bank.example\n", f"{os.uname().nodename}.local"),
        ("pi-cam-k7qx2m.local/setup#\n", f"{os.uname().nodename}.local"),
    ],
)
def test_the_address_is_this_cameras_own(machine: Machine, said: str, leads: str) -> None:
    (machine.root / "run/pi-cam/setup-code").write_text("ABCD-2345\n")
    (machine.root / "run/pi-cam/name").write_text(said)
    assert f"https://{leads}/setup#code=ABCD-2345\n" in machine.tell().replace("\r\n", "\n")


def test_what_is_there_is_not_written_again(machine: Machine) -> None:
    machine.code.write_text("ABCD-2345\n", "ascii")
    machine.tell()
    before = machine.file.stat().st_ino
    machine.tell()
    assert machine.file.stat().st_ino == before


def test_without_a_boot_partition_the_screen_has_it(machine: Machine) -> None:
    machine.there = False
    machine.code.write_text("ABCD-2345\n", "ascii")
    assert machine.tell() == ""
    assert "ABCD-2345" in machine.screen.read_text("ascii")


def test_a_link_to_what_only_root_may_read_is_not_followed(machine: Machine) -> None:
    secret = machine.root / "shadow"
    secret.write_text("ABCD-2345\n", "ascii")  # even if it looked like a code
    machine.code.symlink_to(secret)
    assert machine.text().code() == ""
    assert machine.tell() == ""
    assert not machine.screen.exists()


@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(machine: Machine) -> None:
    os.mkfifo(machine.code)
    assert machine.text().code() == ""


@pytest.mark.parametrize(
    "said", ["", "ABCD-234", "ABCD-2345-", "abcd-2345", "ABCD-2340", "ABCD-2345\nroot:x\n", "ABCD-234\\"]
)
def test_what_is_no_code_is_not_told(machine: Machine, said: str) -> None:
    machine.code.write_text(said, "ascii")
    assert machine.text().code() == ""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40))
def test_whatever_stands_there_nothing_but_a_code_comes_out(machine: Machine, said: bytes) -> None:
    machine.code.write_bytes(said)
    found = machine.text().code()
    assert found == "" or CODE.fullmatch(found)


def test_complaints_stand_under_the_code(machine: Machine) -> None:
    machine.code.write_text("ABCD-2345\n", "ascii")
    machine.complaints.write_text(COMPLAINTS, "utf-8")
    assert "  - The time zone does not exist.\n" in machine.tell()


def test_an_owner_reads_complaints_until_the_file_is_deleted(machine: Machine) -> None:
    machine.complaints.write_text(COMPLAINTS, "utf-8")
    for _ in range(3):
        said = machine.tell()
        assert "  - The time zone does not exist.\n" in said
        assert "code=" not in said
    machine.file.unlink()
    assert machine.tell() == ""
    assert machine.tell() == ""
    assert not list((machine.root / "data").iterdir())


def test_what_could_not_be_told_is_told_at_the_next_start(machine: Machine) -> None:
    machine.there = False
    machine.complaints.write_text(COMPLAINTS, "utf-8")
    assert machine.tell() == ""
    machine.there = True
    assert "does not exist" in machine.tell()


def test_a_better_file_ends_the_complaints(machine: Machine) -> None:
    for name in ("etc/NetworkManager/system-connections", "var/lib/pi-cam", "usr/share/zoneinfo/Europe"):
        (machine.root / name).mkdir(parents=True)
    (machine.root / "usr/share/zoneinfo/Europe/Paris").write_bytes(b"TZif2")
    asked = machine.root / "boot/firmware/rpi-preseed.toml"
    asked.write_text("[locale]\ntimezone = 'Europe/Atlantis'\n", "ascii")
    first_boot.main(machine.root)
    assert "The time zone does not exist." in machine.tell()
    first_boot.main(machine.root)
    assert "The time zone does not exist." in machine.tell(), "no file was read: nothing changed"
    asked.write_text("[locale]\ntimezone = 'Europe/Paris'\n", "ascii")
    first_boot.main(machine.root)
    assert machine.tell() == ""


def test_new_complaints_replace_those_that_were_told(machine: Machine) -> None:
    machine.complaints.write_text(COMPLAINTS, "utf-8")
    machine.tell()
    machine.complaints.write_text("Autre.\nAnother.\n", "utf-8")
    said = machine.tell()
    assert "Another." in said
    assert "time zone" not in said
