"""Versions in folders: tried, kept, taken back, and whole after a power cut at any step."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pi_cam.errors import Conflict
from pi_cam.updates import maker
from pi_cam.updates.package import Package
from pi_cam.updates.slots import MAX_STARTS, STATE, UNFINISHED, FolderSlots

KEY = Ed25519PrivateKey.generate()
CUT = 99
STEPS = ("open", "fsync", "replace", "rename", "symlink", "unlink", "rmdir", "mkdir")


def packed(folder: Path, release: int) -> Package:
    program = folder / f"program-{release}"
    (program / "bin").mkdir(parents=True)
    (program / "bin/pi-cam").write_text(f"release {release}\n")
    (program / "bin/end").write_text("end\n")
    path = folder / f"{release}.pi-cam"
    maker.pack(program, path, KEY, "1.0", release)
    return Package.open(path, [KEY.public_key()])


@pytest.fixture
def slots(tmp_path: Path) -> FolderSlots:
    """Release 1 runs."""
    root = tmp_path / "opt"
    (root / "1-1.0/bin").mkdir(parents=True)
    (root / "1-1.0/bin/pi-cam").write_text("release 1\n")
    (root / "1-1.0/bin/end").write_text("end\n")
    (root / "current").symlink_to(root / "1-1.0")
    return FolderSlots(root)


def test_a_good_version_stays_with_the_one_before(slots: FolderSlots, tmp_path: Path) -> None:
    for release in (2, 3):
        with packed(tmp_path, release) as package:
            assert slots.put_in(package) == f"{release}-1.0"
        assert slots.current() == f"{release - 1}-1.0"
        slots.begin()
        assert slots.current() == f"{release}-1.0"
        assert slots.started()
        slots.commit()
        assert slots.progress().outcome == "good"
    folders = sorted(path.name for path in (tmp_path / "opt").iterdir() if path.is_dir() and not path.is_symlink())
    assert folders == ["2-1.0", "3-1.0"]


def test_the_cameras_user_reads_a_version_whatever_root_keeps_to_itself(slots: FolderSlots, tmp_path: Path) -> None:
    """pi-cam-update.service has a umask of 077."""
    before = os.umask(0o077)
    try:
        with packed(tmp_path, 2) as package:
            name = slots.put_in(package)
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    (version,) = tmp_path.rglob(name)
    for path in (version, *version.rglob("*")):
        wanted = 0o755 if path.is_dir() else 0o444
        assert path.is_symlink() or path.stat().st_mode & wanted == wanted, path


def test_one_that_never_gets_up_is_taken_back(slots: FolderSlots, tmp_path: Path) -> None:
    with packed(tmp_path, 2) as package:
        slots.put_in(package)
    slots.begin()
    assert [slots.started() for _ in range(MAX_STARTS + 1)] == [True] * MAX_STARTS + [False]
    assert slots.current() == "1-1.0"
    assert slots.progress().outcome == "rolled back"
    assert not (tmp_path / "opt/2-1.0").exists()


def test_each_has_its_moment(slots: FolderSlots, tmp_path: Path) -> None:
    for early in (slots.begin, slots.commit, slots.roll_back):
        with pytest.raises(Conflict):
            early()
    with packed(tmp_path, 2) as package:
        slots.put_in(package)
        slots.begin()
        with pytest.raises(Conflict, match="under way"):
            slots.put_in(package)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"state":"x"}', b'{"new":"../x"}', b'{"starts":"1"}'])
def test_a_state_that_makes_no_sense_is_none(slots: FolderSlots, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "opt" / STATE).write_bytes(content)
    slots.recover()
    assert (slots.current(), slots.progress().state) == ("1-1.0", "idle")


def _update(slots: FolderSlots, package: Package, good: bool) -> None:
    slots.put_in(package)
    slots.begin()
    slots.started()
    if good:
        slots.commit()
    else:
        slots.roll_back()


def cut_at(step: int, work: Callable[[], None]) -> bool:
    """Whether a process that does it was ended before its step of this number: at once, as by SIGKILL."""
    child = os.fork()
    if child == 0:
        left = step

        def counted(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **more: Any) -> Any:
                nonlocal left
                if left == 0:
                    os._exit(CUT)
                left -= 1
                return real(*arguments, **more)

            return call

        for name in STEPS:
            setattr(os, name, counted(getattr(os, name)))
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, CUT)
    return status == CUT


@pytest.mark.parametrize("good", [True, False])
def test_a_power_cut_at_any_step_leaves_a_whole_version(tmp_path: Path, good: bool) -> None:
    step = 0
    while True:
        folder = tmp_path / str(step)
        folder.mkdir()
        slots = slots_of(folder)
        with packed(folder, 2) as package:
            cut = cut_at(step, lambda slots=slots, package=package: _update(slots, package, good))  # type: ignore[misc]
            again = FolderSlots(folder / "opt")
            again.recover()
            runs = folder / "opt/current"
            assert (runs / "bin/pi-cam").read_text() == f"release {again.current()[0]}\n"
            assert (runs / "bin/end").read_text() == "end\n"
            assert not (folder / "opt" / UNFINISHED).exists()
            state = again.progress().state
            assert state in ("idle", "unpacked", "trying")
            assert again.current() == ("2-1.0" if state == "trying" else again.current())
            if state == "trying":
                again.roll_back()
            if again.current() == "1-1.0":  # the next try succeeds
                _update(again, package, True)
        assert again.current() == "2-1.0"
        if not cut:
            break
        step += 1
    assert step > 25


def slots_of(folder: Path) -> FolderSlots:
    root = folder / "opt"
    (root / "1-1.0/bin").mkdir(parents=True)
    (root / "1-1.0/bin/pi-cam").write_text("release 1\n")
    (root / "1-1.0/bin/end").write_text("end\n")
    (root / "current").symlink_to(root / "1-1.0")
    return FolderSlots(root)
