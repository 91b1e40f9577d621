"""Which backups are taken: those with which the camera starts, and no others; of a hostile one nothing but its rows."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pi_cam import database
from pi_cam.camera_book import CameraBook, CameraRow
from pi_cam.errors import SettingError, StoreError
from pi_cam.keeping import backup, rebuilding, trying
from pi_cam.keeping.sealed import NEWER, NO_BACKUP
from pi_cam.keeping.settling import settle
from pi_cam.migrations import MIGRATIONS
from pi_cam.settings import Settings
from pi_cam.store import DATABASE, Store
from pi_cam.trust.authority import make_authority
from pi_cam.trust.capabilities import known_capabilities
from pi_cam.trust.certificates import Certificates
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.opening import open_trust
from pi_cam.trust.sealing import Seal
from tests.contract.application import NAME, PASSWORD, running

Files = dict[str, bytes]
PAIRED = (
    "INSERT INTO portal (id, address, owner, keys, accepted, paired_at) VALUES (1, 'https://p.example', 'a', ?, 1, 1)"
)
USER = "INSERT INTO users (name, role, password_hash, created_at) VALUES ('Eve', 'member', '-', {})"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Of a camera with an owner who is signed in, a member, two more cameras, and a portal."""
    folder = tmp_path_factory.mktemp("good")
    store = Store(folder)
    store.open()
    trust = open_trust(store, Settings.load(folder, {}))
    trust.accounts.create_owner(NAME, PASSWORD)
    trust.users.add("Bob", PASSWORD, "member", {"main": known_capabilities(["view"])}, None)
    trust.sessions.open(trust.users.list()[0].id, address="127.0.0.1", agent="a test")
    key = DeviceKey.load(folder)
    Certificates(folder, key.id).context()
    book = CameraBook(store, Seal(store.secret()))
    book.open()
    for name in ("Door", "Attic"):
        book.add(CameraRow("", name, address="rtsp://192.168.7.7/x", allow_lan=True))
    keys = {"version": 1, "keys": {"one": base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")}}
    with store.transaction() as connection:
        connection.execute(PAIRED, (json.dumps(keys),))
    return backup.gathered(store)


def changed(files: Files, tmp_path: Path, *statements: str) -> Files:
    """With another database."""
    path = tmp_path / "changed.db"
    path.write_bytes(files[DATABASE])
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()
    return files | {DATABASE: path.read_bytes()}


def of_version(version: int, *statements: str) -> Callable[[Files, Path], Files]:
    """With a database that a version so old wrote."""

    def make(files: Files, tmp_path: Path) -> Files:
        path = tmp_path / "old.db"
        connection = sqlite3.connect(path, isolation_level=None)
        for script in MIGRATIONS[:version]:
            connection.executescript(script)
        connection.execute(f"PRAGMA user_version = {version}")
        for statement in statements:
            connection.execute(statement)
        connection.close()
        return files | {DATABASE: path.read_bytes()}

    return make


def refused(tmp_path: Path, files: Files, why: str = NO_BACKUP) -> None:
    """By both ways, and nothing has changed."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "device.key").write_bytes(b"as it was")
    for way in (backup.restore, backup.lay_ready):
        with pytest.raises(SettingError) as error:
            way(data, files)
        assert str(error.value) == why
        assert [path.name for path in data.iterdir() if path.is_dir()] == []
        assert (data / "device.key").read_bytes() == b"as it was"
        assert not (data / DATABASE).exists()


def users(folder: Path) -> list[str]:
    store = Store(folder)
    store.open(create=False)
    with store.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM sessions").fetchone()[0] == 0
        return [row["name"] for row in connection.execute("SELECT name FROM users ORDER BY id")]


def test_a_good_one_starts(good: Files, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    assert backup.lay_ready(data, good) == []
    assert {str(path.relative_to(data / backup.READY)) for path in (data / backup.READY).rglob("*.*")} >= {DATABASE}
    assert not (data / backup.READY / trying.COPY).exists()
    settle(data)
    for name in good.keys() - {DATABASE}:
        assert (data / name).read_bytes() == good[name], name
    assert users(data) == [NAME, "Bob"]
    with running(data) as application:
        rows = application.owner().get("/api/v1/cameras").get_json()["cameras"]
        assert [row["name"] for row in rows] == ["Camera", "Door", "Attic"]
        assert application.services.pairing.accepted() is not None


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_one_of_an_older_version_is_brought_further_by_the_start(good: Files, tmp_path: Path, version: int) -> None:
    data = tmp_path / "data"
    data.mkdir()
    backup.restore(data, of_version(version, USER.format(1))(good, tmp_path))
    with database.reading(data / DATABASE) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == version
    assert users(data) == ["Eve"]


@pytest.mark.parametrize(
    "files",
    [
        {"device.key": b"garbage"},
        {"device.key": b""},
        {"secret.key": bytes(31)},
        {DATABASE: b""},
        {DATABASE: b"SQLite format 3\0" + bytes(4080)},
        {DATABASE: b"garbage" * 1000},
    ],
    ids=["key", "no key", "secret", "empty", "zeros", "garbage"],
)
def test_files_that_end_each_start(good: Files, tmp_path: Path, files: Files) -> None:
    refused(tmp_path, good | files)


def test_an_authority_that_may_sign_for_no_name_of_this_camera(good: Files, tmp_path: Path) -> None:
    other = make_authority("other", ["other.local"])
    refused(tmp_path, good | {"tls/ca.pem": other.pem()})


DATABASES = {
    "two tables": ["DROP TABLE users", "DROP TABLE cameras", "DROP TABLE grants", "DROP TABLE tokens"],
    "one table less": ["DROP TABLE portal_goodbyes"],
    "one table more": ["CREATE TABLE more (id)"],
    "one column less": ["ALTER TABLE cameras DROP COLUMN position"],
    "one column more": ["ALTER TABLE cameras ADD COLUMN more"],
    "another name": ["ALTER TABLE cameras RENAME COLUMN position TO place"],
    "version 0": ["PRAGMA user_version = 0"],
    "version 1": ["PRAGMA user_version = 1"],
    "version -1": ["PRAGMA user_version = -1"],
    "a view": ["DROP TABLE gone_cameras", "CREATE VIEW gone_cameras AS SELECT name AS id FROM users"],
    "a computed column": [
        "DROP TABLE portal_goodbyes",
        "CREATE TABLE portal_goodbyes (address TEXT PRIMARY KEY, since REAL GENERATED ALWAYS AS (1.5)) WITHOUT ROWID",
    ],
    "a virtual table": ["DROP TABLE gone_cameras", "CREATE VIRTUAL TABLE gone_cameras USING fts5(id)"],
    "another kind": [USER.format("'long ago'")],
    "keys": ["UPDATE portal SET keys = 'garbage'"],
    "no keys": ["UPDATE portal SET keys = '{}'"],
    "rows": ["INSERT INTO configuration VALUES ('a', 'garbage', 1, '', 1)"],
    "edits": ["INSERT INTO portal_edits VALUES (1, 'k', 'a', '1', '', 'applied', '', 1, '{\"value\": 1}', 1)"],
    "nobody's grant": [
        "PRAGMA foreign_keys = OFF",
        "INSERT INTO grants (user_id, camera_id, can) VALUES (99, 'main', 'view')",
    ],
    "a role": ["PRAGMA ignore_check_constraints = ON", USER.format(1).replace("'member'", "'root'")],
}


@pytest.mark.parametrize("statements", DATABASES.values(), ids=DATABASES)
def test_databases_that_no_version_wrote(good: Files, tmp_path: Path, statements: list[str]) -> None:
    refused(tmp_path, changed(good, tmp_path, *statements))


def test_one_of_which_a_page_is_damaged_that_holds_no_row(good: Files, tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    path.write_bytes(good[DATABASE])
    with database.reading(path) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        index = "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_users_1'"
        begin = (connection.execute(index).fetchone()[0] - 1) * size
    data = bytearray(good[DATABASE])
    data[begin : begin + size] = bytes(size)
    refused(tmp_path, good | {DATABASE: bytes(data)})


def test_one_of_a_newer_version_is_said(good: Files, tmp_path: Path) -> None:
    refused(tmp_path, changed(good, tmp_path, f"PRAGMA user_version = {len(MIGRATIONS) + 1}"), NEWER)


def test_of_what_is_hostile_only_the_rows_are_taken(good: Files, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    hostile = changed(
        good,
        tmp_path,
        "CREATE TRIGGER users AFTER INSERT ON tokens BEGIN UPDATE users SET role = 'member'; END",
        "CREATE INDEX more ON users (name) WHERE length(zeroblob(1000000000)) > 0",
        "DROP TABLE tokens",
        "CREATE TABLE tokens (name TEXT PRIMARY KEY, secret_hash TEXT NOT NULL UNIQUE, can TEXT NOT NULL,"
        " created_at REAL NOT NULL, cameras TEXT, CHECK (length(randomblob(1000000000)) > 0))",
        "PRAGMA ignore_check_constraints = ON",
        "INSERT INTO tokens (name, secret_hash, can, created_at) VALUES ('kept', 'x', 'view', 1)",
    )
    backup.restore(data, hostile)
    with database.reading(data / DATABASE) as connection:
        schema = {row["name"]: row["sql"] for row in connection.execute("SELECT type, name, sql FROM sqlite_schema")}
        assert "CHECK" not in schema["tokens"]
        assert "more" not in schema
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'").fetchone()[0] == 0
        assert connection.execute("SELECT name FROM tokens").fetchone()[0] == "kept"


def test_one_that_would_take_for_ever_is_given_up(good: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "LOOK_SECONDS", -1.0)
    monkeypatch.setattr(rebuilding, "STEPS", 10)
    refused(tmp_path, good)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), StoreError("full")])
def test_a_full_disk_is_not_the_backups_fault(
    good: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    if isinstance(error, StoreError):
        error.__cause__ = OSError(28, "No space left on device")

    def fail(folder: Path) -> None:
        raise error

    monkeypatch.setattr(trying, "_start", fail)
    data = tmp_path / "data"
    data.mkdir()
    for way in (backup.restore, backup.lay_ready):
        with pytest.raises(StoreError):
            way(data, good)
    assert not (data / backup.STAGED).exists()
    assert not (data / backup.READY).exists()


def test_an_authority_that_is_damaged_does_not_keep_the_camera_from_starting(good: Files, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    backup.restore(data, good | {"tls/ca.pem": b"garbage", "tls/own.crt": b"garbage", "tls/own.key": b""})
    assert Certificates(data, DeviceKey.load(data).id).context()
