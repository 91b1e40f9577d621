"""What somebody made in the data folder under names that the camera uses there: the way back stays open, and has an end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_cam import durable
from pi_cam.keeping import backup, occupied, reset
from pi_cam.reset_by_button import BOOT_ID, _is_first_start
from pi_cam.setup_wizard import first_boot
from pi_cam.store import Store
from pi_cam.trust.device_key import DeviceKey
from tests.integration.test_keeping import AS_ANYBODY, command, made, told
from tests.server import OWNER, PASSWORD

Make = Callable[[Path], object]


def closed_folder(path: Path) -> None:
    path.mkdir()
    (path / "inside").touch()
    path.chmod(0)


def a_link(path: Path) -> None:
    path.symlink_to("/nowhere/at/all")


KINDS = pytest.mark.parametrize("make", [Path.mkdir, closed_folder, os.mkfifo, a_link])


def with_owner(data: Path) -> Path:
    """By the command, which first ends whatever was begun before, as a start does."""
    words = ("owner", "set", "--data", data, "--name", OWNER)
    done = command(*words, stdin=f"{PASSWORD}\n".encode(), prefix=AS_ANYBODY)
    assert done.returncode == 0, told(done)
    return data


@KINDS
@pytest.mark.parametrize("name", [f".{reset.MARK}.new", reset.MARK, occupied.NAME])
def test_a_reset_is_done(tmp_path: Path, make: Make, name: str) -> None:
    data = with_owner(tmp_path / "data")
    (data / name).unlink(missing_ok=True)
    make(data / name)
    done = command("reset", "--yes", "--data", data, prefix=AS_ANYBODY)
    assert (done.returncode, told(done)) == (0, "")
    left = {path.name for path in data.iterdir() if not path.name.startswith(durable.IN_THE_WAY)}
    assert left == {occupied.NAME}
    assert (data / occupied.NAME).is_file()


@pytest.mark.parametrize("make", [Path.mkdir, closed_folder, os.mkfifo])
def test_a_reset_that_nobody_began_ends_all_the_same(tmp_path: Path, make: Make) -> None:
    data = with_owner(tmp_path / "data")
    make(data / reset.MARK)
    with_owner(data)
    assert not os.path.lexists(data / reset.MARK), "else each start forgets everything"
    assert (data / "pi-cam.db").exists()


@KINDS
@pytest.mark.parametrize("name", [occupied.NAME, backup.READY, backup.STAGED])
def test_the_camera_starts_and_takes_a_copy(tmp_path: Path, make: Make, name: str) -> None:
    data = with_owner(tmp_path / "data")
    Store(data).secret()
    DeviceKey.load(data)
    file = made(data, tmp_path / "camera.backup")
    (data / name).unlink(missing_ok=True)
    make(data / name)
    with_owner(data)
    with occupied.by_device(data):
        assert (data / "secret.key").exists(), "nothing was forgotten"
    if not os.path.lexists(data / name):
        make(data / name)
    passphrase = b"a lamp and two chairs\n"
    done = command("restore", file, "--data", data, stdin=passphrase, prefix=AS_ANYBODY)
    assert (done.returncode, told(done)) == (0, "")
    assert not (data / backup.READY).exists()


@KINDS
@pytest.mark.parametrize("name", [f".{reset.MARK}.new", reset.MARK])
def test_a_reset_by_the_card_is_begun(tmp_path: Path, make: Make, name: str) -> None:
    folder, boot = tmp_path / "var/lib/pi-cam", tmp_path / "boot/firmware"
    folder.mkdir(parents=True)
    boot.mkdir(parents=True)
    (boot / "reset").touch()
    make(folder / name)
    assert first_boot.main(tmp_path) == 0
    assert (folder / reset.MARK).read_bytes() == first_boot.WORD
    assert not (tmp_path / "data/first-boot.txt").exists(), "nothing is complained of"


@KINDS
@pytest.mark.parametrize("name", ["started-in", ".started-in.new"])
def test_the_button_is_looked_at(tmp_path: Path, make: Make, name: str) -> None:
    root = tmp_path / "root"
    (root / BOOT_ID).parent.mkdir(parents=True)
    (root / BOOT_ID).write_text("one")
    make(tmp_path / name)
    assert _is_first_start(tmp_path, root)
    assert not _is_first_start(tmp_path, root)


@pytest.mark.parametrize("inside", [(), ("secret.key",), ("unknown/of/nobody", "secret.key", "device.key")])
def test_a_copy_that_is_not_whole_is_none(tmp_path: Path, inside: tuple[str, ...]) -> None:
    data = with_owner(tmp_path / "data")
    before = Store(data).secret()
    for name in inside:
        path = data / backup.READY / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(32))
    (data / backup.READY).mkdir(exist_ok=True)
    with_owner(data)
    assert (data / "secret.key").read_bytes() == before
    assert not (data / backup.READY).exists()
