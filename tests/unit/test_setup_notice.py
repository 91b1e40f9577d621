"""The setup code is told for as long as it is good, and no longer."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pi_cam.control import setup_notice
from pi_cam.control.setup_notice import SetupNotice
from pi_cam.trust.setup_code import KEPT, SetupCode


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_notice, "LOOK_SECONDS", 0.01)


def test_it_is_there_until_there_is_an_owner(tmp_path: Path) -> None:
    owner = threading.Event()
    chosen = tmp_path / KEPT
    chosen.write_text("ABCD-2345\n", "ascii")
    told = tmp_path / "run"
    told.mkdir()
    notice = SetupNotice(told, "ABCD-2345", owner.is_set, chosen)
    notice.start()
    assert (told / "setup-code").read_text("ascii") == "ABCD-2345\n"
    assert (told / "setup-code").stat().st_mode & 0o777 == 0o600
    assert notice.state() == {"waits_for_owner": True}
    owner.set()
    assert notice._thread is not None
    notice._thread.join(5)
    assert not (told / "setup-code").exists()
    assert not chosen.exists()
    notice.stop()


def test_it_goes_with_the_camera_and_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    told = tmp_path / "run"
    told.mkdir()
    code = SetupCode(tmp_path).code
    notice = SetupNotice(told, code, lambda: False, tmp_path / KEPT)
    notice.start()
    notice.stop()
    notice.stop()
    assert not (told / "setup-code").exists()
    assert SetupCode(tmp_path).code == code


def test_where_nobody_is_told_it_is_new_at_each_start(tmp_path: Path) -> None:
    notice = SetupNotice(None, SetupCode(tmp_path).code, lambda: False, tmp_path / KEPT)
    notice.start()
    notice.stop()
    assert not (tmp_path / KEPT).exists()


def test_with_an_owner_nothing_is_told_and_what_a_power_cut_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "setup-code").write_text("ABCD-2345\n", "ascii")
    notice = SetupNotice(tmp_path, "EFGH-2345", lambda: True, tmp_path / "chosen")
    notice.start()
    assert not (tmp_path / "setup-code").exists()
    assert notice.state() == {"waits_for_owner": False}


def test_where_it_cannot_be_told_the_camera_starts_all_the_same(tmp_path: Path) -> None:
    notice = SetupNotice(tmp_path / "missing", "ABCD-2345", lambda: False, tmp_path / "chosen")
    notice.start()
    notice.stop()


def test_a_chosen_code_is_taken_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    assert SetupCode(tmp_path).code != SetupCode(tmp_path).code
    (tmp_path / KEPT).write_text("ABCD-2345\n", "ascii")
    assert SetupCode(tmp_path).code == "ABCD-2345"
    for damaged in (b"", b"ABCD", b"OOOO-0000", b"\xff\xff", b"abcd-2345"):
        (tmp_path / KEPT).write_bytes(damaged)
        assert SetupCode(tmp_path).code.encode() != damaged.strip()
        assert len(SetupCode(tmp_path).code) == 9
