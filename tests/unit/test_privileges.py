"""How root looks into folders where the camera's user may have put anything."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pi_cam import durable, privileges
from pi_cam.privileges import as_user, open_file
from tests.prerequisites import require


def test_a_plain_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"word")
    with open_file(tmp_path / "one") as file:
        assert file.read() == b"word"


@pytest.mark.timeout(20)
def test_nothing_else_is_opened_and_none_waited_for(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"word")
    (tmp_path / "link").symlink_to("secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name in ("link", "pipe", "folder", "socket", "absent"):
            before = len(os.listdir("/proc/self/fd"))
            with pytest.raises(OSError, match=name):
                open_file(tmp_path / name)
            assert len(os.listdir("/proc/self/fd")) == before, name


def test_as_the_user_only_what_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require("root", os.geteuid() == 0)
    monkeypatch.setattr(privileges, "USER", "nobody")
    secret = tmp_path / "secret"
    secret.write_bytes(b"word")
    secret.chmod(0o600)
    with as_user(), pytest.raises(PermissionError):
        secret.read_bytes()
    assert secret.read_bytes() == b"word"
    assert os.geteuid() == os.getegid() == 0


def test_where_there_is_no_such_user_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "USER", "no-such-user")
    with pytest.raises(OSError, match="no user"), as_user():
        pytest.fail("with the rights of root")


def test_what_was_put_in_the_way_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / ".word.new").symlink_to(victim)
    whose = folder.stat()
    durable.replace(folder / "word", b"new", (whose.st_uid, whose.st_gid))
    assert victim.read_bytes() == b"untouched"
    assert not (folder / "word").is_symlink()
    assert (folder / "word").read_bytes() == b"new"
    assert [path.name for path in folder.iterdir()] == ["word"]
