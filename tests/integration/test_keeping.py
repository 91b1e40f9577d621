"""Backup, restore and reset, as commands on the data of a device that ran."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pi_cam.keeping import backup, reset, sealed
from pi_cam.settings import ROWS, Settings
from pi_cam.store import Store
from pi_cam.trust.device_key import DeviceKey
from tests.prerequisites import require
from tests.server import OWNER, PASSWORD, Answer, Server, pi_cam, serving

SOURCE = "synthetic:?size=160x120&fps=10"
PASSPHRASE = "a lamp and two chairs"
CANARY = "canary-that-sings-at-dawn"


RIGHTS = "-dac_override,-dac_read_search,-fowner"
AS_ANYBODY = ("setpriv", f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}") if os.geteuid() == 0 else ()
"""Without what lets root write where it may not."""

SOMEBODY = 1234


def command(*words: object, stdin: bytes = b"", prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    line = [*prefix, sys.executable, "-m", "pi_cam.cli", *map(str, words)]
    return subprocess.run(line, input=stdin, capture_output=True, check=False, timeout=100)


def told(done: subprocess.CompletedProcess[bytes]) -> str:
    text = done.stderr.decode()
    assert "Traceback" not in text, text
    return text.strip()


def used(data: Path) -> str:
    """A device with an owner, a camera, a setting and a token; the token."""
    with serving(data, SOURCE, owner=True) as server:
        token = server.token("view,control,configure", "kept")
        body = json.dumps({"name": CANARY, "address": f"rtsp://{CANARY}:{CANARY}@192.168.7.7/x", "allow_lan": True})
        assert change(server, token, "POST", "/api/v1/cameras", body).status == 201
        assert change(server, token, "PATCH", "/api/v1/settings", '{"viewers_max": 3}').status == 200
    return token


def change(server: Server, token: str, method: str, path: str, body: str) -> Answer:
    return server.request(method, path, token=token, body=body.encode(), headers={"Content-Type": "application/json"})


def kept(data: Path, token: str) -> None:
    """All of it is there again."""
    with serving(data, SOURCE, owner=True) as server:
        names = [row["name"] for row in server.request("GET", "/api/v1/cameras", token=token).json()["cameras"]]
        assert CANARY in names
        rows = {
            row["name"]: row["value"]
            for row in server.request("GET", "/api/v1/settings", token=token).json()["settings"]
        }
        assert rows["viewers_max"] == 3
        body = json.dumps({"name": OWNER, "password": PASSWORD}).encode()
        signed_in = server.request("POST", "/api/v1/sessions", body=body, headers={"Content-Type": "application/json"})
        assert signed_in.status == 201, signed_in.body


def made(data: Path, file: Path) -> Path:
    done = command("backup", file, "--data", data, stdin=f"{PASSPHRASE}\n".encode())
    assert (done.returncode, told(done)) == (0, "")
    return file


def test_onto_a_new_device(tmp_path: Path) -> None:
    token = used(tmp_path / "old")
    file = made(tmp_path / "old", tmp_path / "camera.backup")
    assert file.stat().st_mode & 0o777 == 0o600
    assert CANARY.encode() not in file.read_bytes()
    done = command("restore", file, "--data", tmp_path / "new", stdin=f"{PASSPHRASE}\n".encode())
    assert (done.returncode, told(done)) == (0, "")
    kept(tmp_path / "new", token)
    assert (tmp_path / "new/device.key").read_bytes() == (tmp_path / "old/device.key").read_bytes()
    assert pi_cam("journal", "verify", "--data", tmp_path / "new").startswith("The journal is whole")


def test_over_a_device_that_knows_others(tmp_path: Path) -> None:
    token = used(tmp_path / "old")
    file = made(tmp_path / "old", tmp_path / "camera.backup")
    with serving(tmp_path / "other", SOURCE, owner=True):
        pass
    assert command("restore", file, "--data", tmp_path / "other", stdin=f"{PASSPHRASE}\n".encode()).returncode == 0
    kept(tmp_path / "other", token)
    assert pi_cam("journal", "verify", "--data", tmp_path / "other").startswith("The journal is whole")
    assert list((tmp_path / "other").glob("before-restore-*-journal.db")), "whose rows those were can still be read"


def test_back_onto_the_same_device_its_journal_goes_on(tmp_path: Path) -> None:
    token = used(tmp_path / "old")
    file = made(tmp_path / "old", tmp_path / "camera.backup")
    pi_cam("owner", "set", "--data", tmp_path / "old", "--name", "Eve", stdin=PASSWORD + "\n")
    assert command("restore", file, "--data", tmp_path / "old", stdin=f"{PASSPHRASE}\n".encode()).returncode == 0
    kept(tmp_path / "old", token)
    rows = json.loads(pi_cam("journal", "export", "--data", tmp_path / "old"))
    actions = [row["action"] for row in (rows["rows"] if isinstance(rows, dict) else rows)]
    assert {"backup-made", "owner-set", "backup-restored"} <= set(actions)


def test_a_backup_brings_no_program_to_run(tmp_path: Path) -> None:
    """Whoever made it, and talked somebody into restoring it, would have the machine."""
    data, new = tmp_path / "old", tmp_path / "new"
    pi_cam("owner", "set", "--data", data, "--name", OWNER, stdin=PASSWORD + "\n")
    store = Store(data)
    store.secret()
    values = {"tunnel": "quick", "tunnel_program": "/usr/bin/python3", "viewers_max": 3}
    (data / "settings.json").write_text(json.dumps(values))  # a file of version 1 is taken, too
    hostile = {"tunnel/tunnel": b"print('mine')", "tunnel/cloudflared.yml": b"x", "tunnel/token": b"A" * 40}
    DeviceKey.load(data)
    file = tmp_path / "hostile.backup"
    file.write_bytes(sealed.seal(backup.gathered(store) | hostile, PASSPHRASE))
    done = command("restore", file, "--data", new, stdin=f"{PASSPHRASE}\n".encode())
    assert (done.returncode, told(done)) == (0, "Left out, for whoever has this machine to set: tunnel_program.")
    settings = Settings.load(new, {})
    assert settings.text("tunnel_program") == ROWS["tunnel_program"].default
    assert (settings.text("tunnel"), settings.integer("viewers_max")) == ("quick", 3)
    assert [path.name for path in (new / "tunnel").iterdir()] == ["token"]
    assert b"/usr/bin/python3" not in b"".join(path.read_bytes() for path in new.glob("settings*"))


def test_settings_that_only_a_later_version_reads_are_left_out(tmp_path: Path) -> None:
    data = tmp_path / "old"
    pi_cam("owner", "set", "--data", data, "--name", OWNER, stdin=PASSWORD + "\n")
    store = Store(data)
    store.secret()
    later = json.dumps({"version": 99, "values": {"tunnel_program": "/usr/bin/python3"}}).encode()
    DeviceKey.load(data)
    files = backup.gathered(store) | {"settings.json": later}
    assert backup.restore(tmp_path / "new", files) == ["settings.json"]
    assert not (tmp_path / "new/settings.json").exists()


def at_a_terminal(words: list[str], *answers: str) -> tuple[int, str]:
    """The command's status, and what its terminal showed."""
    process, terminal = pty.fork()
    if process == 0:
        os.execv(sys.executable, [sys.executable, "-m", "pi_cam.cli", *words])  # noqa: S606 - it is to have no shell
    shown, left = b"", list(answers)
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while piece := os.read(terminal, 1024):
            shown += piece
            if left and shown.endswith(b": "):  # it asks, and shows nothing from now on
                os.write(terminal, f"{left.pop(0)}\n".encode())
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode()


def test_at_a_terminal_the_passphrase_is_asked_twice_and_not_shown(tmp_path: Path) -> None:
    data, file = tmp_path / "old", tmp_path / "camera.backup"
    pi_cam("owner", "set", "--data", data, "--name", OWNER, stdin=PASSWORD + "\n")
    Store(data).secret()
    words = ["backup", str(file), "--data", str(data)]
    status, shown = at_a_terminal(words, PASSPHRASE, PASSPHRASE + "s")
    assert (status, file.exists()) == (2, False)
    assert "are not the same" in shown
    status, shown = at_a_terminal(words, PASSPHRASE, PASSPHRASE)
    assert status == 0, shown
    assert PASSPHRASE not in shown
    assert "secret.key" in sealed.opened(file.read_bytes(), PASSPHRASE)


def test_through_a_pipe(tmp_path: Path) -> None:
    token = used(tmp_path / "old")
    done = command("backup", "-", "--data", tmp_path / "old", stdin=f"{PASSPHRASE}\n".encode())
    assert done.returncode == 0
    back = command("restore", "-", "--data", tmp_path / "new", stdin=f"{PASSPHRASE}\n".encode() + done.stdout)
    assert (back.returncode, told(back)) == (0, "")
    kept(tmp_path / "new", token)


def test_what_goes_wrong_is_one_sentence_and_changes_nothing(tmp_path: Path) -> None:
    token = used(tmp_path / "old")
    file = made(tmp_path / "old", tmp_path / "camera.backup")
    again = command("backup", file, "--data", tmp_path / "old", stdin=f"{PASSPHRASE}\n".encode())
    assert (again.returncode, told(again)) == (2, f"pi-cam: {file} is there already: choose another name.")
    for passphrase, data, sentence in (
        ("another passphrase", file.read_bytes(), "The passphrase is wrong"),
        (PASSPHRASE, file.read_bytes()[:-5], "The passphrase is wrong"),
        (PASSPHRASE, b"something else", "This file is no backup"),
    ):
        done = command("restore", "-", "--data", tmp_path / "old", stdin=f"{passphrase}\n".encode() + data)
        assert done.returncode == 2
        assert sentence in told(done)
    gone = command("restore", tmp_path / "nowhere", "--data", tmp_path / "old", stdin=b"x\n")
    assert "cannot be read" in told(gone)
    kept(tmp_path / "old", token)


def test_not_under_a_device_that_runs(tmp_path: Path) -> None:
    used(tmp_path / "old")
    with serving(tmp_path / "old", SOURCE, owner=True):
        file = made(tmp_path / "old", tmp_path / "camera.backup")  # this is possible
        for words in (("restore", file), ("reset", "--yes")):
            done = command(*words, "--data", tmp_path / "old", stdin=f"{PASSPHRASE}\n".encode())
            assert done.returncode == 1
            assert "The camera runs with this folder" in told(done)


def test_a_restore_that_is_cut_off_is_ended_by_the_next_start(tmp_path: Path) -> None:
    token = used(tmp_path / "old")
    file = made(tmp_path / "old", tmp_path / "camera.backup")
    outcomes = set()
    for number in range(8):
        data = tmp_path / f"new{number}"
        shutil.copytree(tmp_path / "old", data)
        pi_cam("token", "revoke", "kept", "--data", data)
        line = [sys.executable, "-m", "pi_cam.cli", "restore", str(file), "--data", str(data)]
        process = subprocess.Popen(line, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdin is not None
        process.stdin.write(f"{PASSPHRASE}\n".encode())
        process.stdin.close()
        deadline = time.monotonic() + 20
        while process.poll() is None and not ((data / backup.STAGED).exists() or (data / backup.READY).exists()):
            assert time.monotonic() < deadline
        time.sleep(number * 0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        listed = pi_cam("token", "list", "--data", data)
        outcomes.add(listed)
        assert not (data / backup.STAGED).exists()
        assert not (data / backup.READY).exists()
    if listed:
        kept(data, token)
    assert outcomes <= {"", "kept\tview,control,configure"}, "as it was, or as in the backup"


def test_a_reset_leaves_nothing(tmp_path: Path) -> None:
    used(tmp_path / "old")
    refused = command("reset", "--data", tmp_path / "old", stdin=b"yes\n")
    assert (refused.returncode, "Nothing was reset." in told(refused)) == (2, True)
    assert command("reset", "--data", tmp_path / "old", stdin=b"reset\n").returncode == 0
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["occupied"]
    with serving(tmp_path / "old", SOURCE) as server:
        assert server.setup_code is not None, "it belongs to nobody"


def test_a_reset_that_was_cut_off_is_ended_by_the_next_start(tmp_path: Path) -> None:
    used(tmp_path / "old")
    (tmp_path / "old" / reset.MARK).write_bytes(b"\n")
    (tmp_path / "old" / "secret.key").unlink()
    pi_cam("owner", "set", "--data", tmp_path / "old", "--name", "Eve", stdin=PASSWORD + "\n")
    assert not (tmp_path / "old" / reset.MARK).exists()
    assert not (tmp_path / "old" / "settings.json").exists()
    assert pi_cam("token", "list", "--data", tmp_path / "old") == ""


def written_against(data: Path) -> Path:
    """A device's data, with a file and a folder in it that not even who they belong to may write."""
    made = command("owner", "set", "--data", data, "--name", OWNER, stdin=f"{PASSWORD}\n".encode(), prefix=AS_ANYBODY)
    assert made.returncode == 0, told(made)
    (data / "tunnel").mkdir()
    (data / "tunnel/credentials.json").write_bytes(CANARY.encode())
    (data / "tunnel/credentials.json").chmod(0o400)
    (data / "tunnel").chmod(0o500)
    return data


def test_a_reset_of_what_is_written_against(tmp_path: Path) -> None:
    data = written_against(tmp_path / "old")
    kept = os.open(data / "tunnel/credentials.json", os.O_RDONLY)
    try:
        done = command("reset", "--yes", "--data", data, prefix=AS_ANYBODY)
        assert (done.returncode, told(done)) == (0, "")
        assert os.pread(kept, 100, 0) == bytes(len(CANARY)), "it was written over"
    finally:
        os.close(kept)
    assert [path.name for path in data.iterdir()] == ["occupied"]


def test_a_reset_leaves_what_is_somebody_elses_and_the_camera_starts(tmp_path: Path) -> None:
    require("root", os.geteuid() == 0)
    data = written_against(tmp_path / "old")
    for path in (data / "tunnel", data / "tunnel/credentials.json", data / "secret.key"):
        os.chown(path, SOMEBODY, SOMEBODY)
    done = command("reset", "--yes", "--data", data, prefix=AS_ANYBODY)
    (left,) = data.glob(f"{reset.LEFT}*-tunnel")
    assert (done.returncode, told(done).splitlines()[-1]) == (
        1,
        f"pi-cam: All else is gone, but this is not ours to remove: {left.name} in {data}.",
    )
    assert sorted(path.name for path in data.iterdir()) == [left.name, "occupied"]
    (data / reset.MARK).write_bytes(b"all\n")  # and one that root began, and that was cut off
    os.chown(data / reset.MARK, SOMEBODY, SOMEBODY)
    (data / reset.MARK).chmod(0o600)
    (data / "settings.json").write_bytes(b"{}")
    words = ("owner", "set", "--data", data, "--name", "Eve")
    again = command(*words, stdin=f"{PASSWORD}\n".encode(), prefix=AS_ANYBODY)
    assert again.returncode == 0, told(again)
    assert not (data / reset.MARK).exists()
    assert not (data / "settings.json").exists()
    assert (data / "pi-cam.db").exists()
    assert left.exists()


def test_nothing_is_found_on_the_disk_afterwards(tmp_path: Path) -> None:
    """On a file system of its own, of which every byte is looked at."""
    require("root and a loop device", os.geteuid() == 0 and Path("/dev/loop-control").exists())
    image, mounted = tmp_path / "disk", tmp_path / "mounted"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(48 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
    try:
        data = mounted / "pi-cam"
        used(data)
        keys = [(data / "secret.key").read_bytes(), (data / "device.key").read_bytes().splitlines()[1]]
        made(data, mounted / "x.backup")
        (mounted / "x.backup").unlink()
        subprocess.run(["sync", "-f", mounted], check=True)
        before = image.read_bytes()
        assert all(key in before for key in keys), "else there would be nothing to find"
        assert CANARY.encode() in before
        assert command("reset", "--yes", "--free-space", "--data", data).returncode == 0
    finally:
        subprocess.run(["umount", mounted], check=True)
    after = image.read_bytes()
    assert [key for key in [*keys, CANARY.encode(), PASSWORD.encode(), b"SQLite format 3"] if key in after] == []


def test_what_the_disk_keeps_back_is_kept_back_again_whatever_happens(tmp_path: Path) -> None:
    require("root and a loop device", os.geteuid() == 0 and Path("/dev/loop-control").exists())
    image, mounted = tmp_path / "disk", tmp_path / "mounted"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
    try:
        device = Path(f"/sys/dev/block/{os.major(mounted.stat().st_dev)}:{os.minor(mounted.stat().st_dev)}").resolve()
        kept = Path("/sys/fs/ext4") / device.name / "reserved_clusters"
        before = kept.read_text("ascii")
        assert int(before) > 0
        with pytest.raises(OSError, match="broken"), reset._last_blocks(mounted):
            assert int(kept.read_text("ascii")) == 0
            raise OSError(5, "broken")
        assert kept.read_text("ascii") == before
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_a_restore_that_was_cut_off_while_it_tidied_up(tmp_path: Path) -> None:
    token = used(tmp_path / "old")
    leftover = tmp_path / "old" / backup.STAGED
    leftover.mkdir()
    (leftover / "pi-cam.db").write_bytes(b"half")
    kept(tmp_path / "old", token)
    assert not leftover.exists()


def test_a_copy_that_comes_back_by_the_page_ends_the_device_which_begins_anew_with_it(tmp_path: Path) -> None:
    first, other, file = tmp_path / "first", tmp_path / "other", tmp_path / "copy"
    token = used(first)
    assert command("backup", file, "--data", first, stdin=f"{PASSPHRASE}\n".encode()).returncode == 0
    with serving(other, SOURCE, owner=True) as server:
        given = {"Content-Type": "application/json", "X-Pi-Cam": "1"}
        body = json.dumps({"name": OWNER, "password": PASSWORD}).encode()
        signed_in = server.request("POST", "/api/v1/sessions", body=body, headers=given)
        cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
        sent = {"Content-Type": "application/octet-stream", "X-Pi-Cam": "1", "Cookie": cookie}
        data = f"{PASSPHRASE}\n".encode() + file.read_bytes()
        assert server.request("POST", "/api/v1/restore", body=data, headers=sent).status == 202
        assert server.process.wait(20) == 0  # systemd starts it again
    kept(other, token)
