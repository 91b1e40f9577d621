"""What the doctor says about the data folder, and the settings and the databases in it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pi_cam.control.findings import Place
from pi_cam.database import set_aside
from pi_cam.journal.actions import Entry
from pi_cam.journal.ledger import Ledger
from pi_cam.store import Store
from tests.looking import altered, doctor, looked_at, mounted, only, secret


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    writable, readonly = doctor(disk / "data"), doctor(disk / "data", prefix=mounted(disk, "ro"))
    assert "Read-only file system" in only("data", writable, readonly)[0]["text"]
    (disk / "data").write_text("a file")
    file = doctor(disk / "data")  # of course it holds no settings, either
    assert (file["data"][0]["level"], "it is a file" in file["data"][0]["text"]) == ("missing", True)


@pytest.mark.parametrize("target", ["nowhere", "data"], ids=["leads nowhere", "leads to itself"])
def test_a_folder_that_is_a_link(tmp_path: Path, target: str) -> None:
    (tmp_path / "data").symlink_to(tmp_path / target)
    (found,) = doctor(tmp_path / "data")["data"]
    assert found["level"] == "missing"
    assert "it is a link that leads nowhere" in found["text"]


def test_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    found = only("disk", doctor(disk / "data"), doctor(disk / "data", prefix=mounted(disk, "size=6m")))
    assert (found[0]["level"], found[0]["text"]) == ("missing", "6 MB are free on the disk.")


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """It takes a file, but no byte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    fill = f"head -c 4m /dev/zero > {disk}/full; "
    (found,) = doctor(disk / "data", prefix=mounted(disk, "size=1m", then=fill))["data"]
    assert found["text"].endswith("cannot be written: No space left on device.")
    assert found["remedy"] == "Delete what is not needed on this disk."


def test_a_folder_into_which_we_may_not_look_is_one_line(place: Place) -> None:
    """pytest's own folder is closed to others."""
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    lines = doctor(place.folder, prefix=nobody)
    about = {name for name, found in lines.items() if str(place.folder) in str(found) or "denied" in str(found)}
    assert about == {"data"}
    assert lines["data"][0]["text"].endswith("cannot be written: Permission denied.")
    assert "sudo" in lines["data"][0]["remedy"]


def test_settings(place: Place) -> None:
    before = looked_at(place)
    secret(place.folder / "settings.json", b"{")
    assert "is not JSON" in only("settings", before, looked_at(place))[0]["text"]
    secret(place.folder / "settings.json", b'{"version": 2, "values": {"viewers_max": 0, "log_level": 7, "colour": 1}}')
    assert [one["level"] for one in looked_at(place)["settings"]] == ["optional"] * 3
    (place.folder / "settings.json").unlink()
    wrong = looked_at(replace(place, environment={"PI_CAM_VIEWERS_MAX": "many"}))
    assert "PI_CAM_VIEWERS_MAX" in only("settings", before, wrong)[0]["text"]


def test_journal_in_which_a_row_was_altered(place: Place) -> None:
    before = looked_at(place)
    altered(place.folder / "journal.db", "UPDATE rows SET actor = 'Eve' WHERE id = 3")
    found = only("journal", before, looked_at(place))
    assert "3" in found[0]["text"]


def test_journal_without_its_key(place: Place) -> None:
    before = looked_at(place)
    (place.folder / "secret.key").unlink()
    assert only("journal", before, looked_at(place))[0]["level"] == "missing"
    assert not (place.folder / "secret.key").exists()


def test_journal_whose_key_is_damaged(place: Place) -> None:
    before = looked_at(place)
    (place.folder / "secret.key").write_bytes(b"short")
    found = only("journal", before, looked_at(place))
    assert found[0]["text"] == "The key for the journal (secret.key) is damaged."


@pytest.mark.parametrize("left", ["journal.anchor", "pi-cam.db"])
def test_a_journal_that_was_taken_away(place: Place, left: str) -> None:
    (place.folder / "journal.anchor").touch()
    (place.folder / "journal.db").unlink()
    for other in {"journal.anchor", "pi-cam.db", "pi-cam.good.db"} - {left}:
        (place.folder / other).unlink()
    (found,) = looked_at(place)["journal"]
    assert (found["level"], found["text"]) == ("missing", "The journal is gone: nobody can tell who watched.")


def test_a_damaged_journal_that_was_kept_is_no_attack_by_itself(place: Place) -> None:
    set_aside(place.folder / "journal.db")
    Ledger(place.folder, Store(place.folder).secret()).open(0.0)
    (found,) = looked_at(place)["journal"]
    assert found["text"].startswith("An earlier journal was damaged")
    assert "trust" not in found["remedy"]


def test_of_a_long_journal_the_page_reads_the_newest_rows(place: Place) -> None:
    shorter = replace(place, journal_rows_max=3)
    said = "The newest rows of the journal are whole (3 of 6); pi-cam journal verify reads all."
    assert looked_at(shorter)["journal"][0]["text"] == said
    assert looked_at(replace(place, journal_rows_max=6))["journal"][0]["text"].startswith("The journal is whole")
    altered(place.folder / "journal.db", "UPDATE rows SET actor = 'Eve' WHERE id = 2")
    assert looked_at(shorter)["journal"][0]["text"] == said
    altered(place.folder / "journal.db", "UPDATE rows SET actor = 'Eve' WHERE id = 5")
    assert looked_at(shorter)["journal"][0]["text"].startswith("Row 5 was ")
    altered(place.folder / "journal.db", "DELETE FROM rows WHERE id = 3")
    assert looked_at(shorter)["journal"][0]["text"] == "Row 3 was removed."


def scribble(folder: Path) -> None:
    (folder / "pi-cam.db").write_bytes(b"a letter" * 1000)


def newer(folder: Path) -> None:
    altered(folder / "pi-cam.db", "PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("harm", "said", "remedy"),
    [
        (scribble, "The database is damaged: file is not a database.", "last good copy"),
        (newer, "The data folder was written by a newer version of pi-cam.", "Install that version"),
        (lambda folder: (folder / "pi-cam.db").unlink(), "The database is damaged: it is gone.", "last good copy"),
    ],
)
def test_database(place: Place, harm: Callable[[Path], None], said: str, remedy: str) -> None:
    before = looked_at(place)
    harm(place.folder)
    files = sorted(path.name for path in place.folder.iterdir())
    (found,) = only("database", before, looked_at(place))
    assert (found["level"], found["text"], remedy in found["remedy"]) == ("missing", said, True)
    assert sorted(path.name for path in place.folder.iterdir()) == files  # it only looks


def test_a_database_that_is_gone_with_its_copy(place: Place) -> None:
    before = looked_at(place)
    for name in ("pi-cam.db", "pi-cam.good.db"):
        (place.folder / name).unlink()
    (found,) = only("database", before, looked_at(place))
    assert (found["level"], found["text"].startswith("The database is gone, and its good copy, too")) == (
        "missing",
        True,
    )


def test_what_a_cut_of_the_power_left_stays_as_it_is(place: Place, tmp_path: Path) -> None:
    """A copy of the folder, taken while the device ran: the newest rows are in the write-ahead logs."""
    ledger, copied = Ledger(place.folder, Store(place.folder).secret()), tmp_path / "copied"
    held = [sqlite3.connect(place.folder / name) for name in ("journal.db", "pi-cam.db")]
    for one in held:
        one.execute("SELECT count(*) FROM sqlite_master").fetchone()
    ledger.add([Entry(1.0, "watched", actor="Ada", camera="main")])
    with Store(place.folder).transaction() as database:
        database.execute("INSERT INTO cameras (id) VALUES ('hen')")
    shutil.copytree(place.folder, copied, ignore=lambda *_: ["journal.db-shm", "pi-cam.db-shm"])
    for one in held:
        one.close()
    before = contents(copied)
    assert before["journal.db-wal"]
    lines = looked_at(replace(place, folder=copied))
    assert "(7)" in lines["journal"][0]["text"]
    assert (lines["journal"][0]["level"], lines["database"][0]["level"]) == ("ok", "ok")
    after = contents(copied)
    assert {name: after[name] for name in before} == before


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_looking_leaves_nothing_behind(place: Place) -> None:
    before = contents(place.folder)
    looked_at(place)
    assert contents(place.folder) == before


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.write_text("short"), "is damaged, and pi-cam does not start."),
        (lambda path: path.unlink(), "is gone."),
    ],
    ids=["damaged", "gone"],
)
def test_the_devices_key(place: Place, harm: Callable[[Path], None], said: str) -> None:
    before = looked_at(place)
    assert before["key"][0]["level"] == "ok"
    harm(place.folder / "device.key")
    (found,) = only("key", before, looked_at(place))
    assert (found["level"], found["text"]) == ("missing", f"The device's key (device.key) {said}")
    assert "backup" in found["remedy"]
