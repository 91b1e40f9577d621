"""The data folder: modes, migrations, several processes, sudden death."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pi_cam import store as store_module
from pi_cam.errors import StoreError
from pi_cam.migrations import MIGRATIONS
from pi_cam.store import DATABASE, GOOD_COPY, SECRET, Store
from pi_cam.trust.accounts import Accounts
from pi_cam.trust.passwords import PasswordHasher
from pi_cam.trust.sessions import Sessions
from pi_cam.trust.tokens import Tokens
from pi_cam.trust.totp import Totp


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(store: Store) -> list[str]:
    with store.transaction() as database:
        return [row["name"] for row in database.execute("SELECT name FROM tokens ORDER BY name")]


def insert(database: sqlite3.Connection, name: str) -> None:
    database.execute("INSERT INTO tokens (name, secret_hash, can, created_at) VALUES (?, ?, 'view', 0)", (name, name))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "data")
    store.open()
    return store


def run_together(script: str, folder: Path, processes: int = 2) -> list[str]:
    """Processes that run the same script at the same time; what each printed."""
    command = [sys.executable, "-c", script, str(folder)]
    together = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for process in together:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
    for process in together:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = [process.communicate(timeout=20)[0] for process in together]
    assert not any(process.returncode for process in together)
    return printed


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store(tmp_path / "new" / "data")
        store.open()
        store.secret()
        with store.transaction() as database:
            insert(database, "one")
            modes = {path.name: mode(path) for path in store.folder.iterdir()}
    finally:
        os.umask(before)
    assert mode(store.folder) == 0o700
    assert set(modes) >= {DATABASE, SECRET, f"{DATABASE}-wal"}
    assert set(modes.values()) == {0o600}


def test_a_database_that_others_could_read_is_closed_to_them(store: Store) -> None:
    (store.folder / DATABASE).chmod(0o644)
    Store(store.folder).open()
    assert mode(store.folder / DATABASE) == 0o600


def test_the_secret_is_made_once(store: Store) -> None:
    secret = store.secret()
    assert len(secret) == 32
    assert Store(store.folder).secret() == secret


def test_a_damaged_secret_is_said_and_not_replaced(store: Store) -> None:
    (store.folder / SECRET).write_bytes(b"short")
    with pytest.raises(StoreError, match="restore it from a backup"):
        store.secret()


def test_migrations_bring_an_old_database_up_to_date(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.transaction() as database:
        insert(database, "kept")
    monkeypatch.setattr(store_module, "MIGRATIONS", (*MIGRATIONS, "ALTER TABLE cameras ADD COLUMN colour TEXT;"))
    store.open()
    store.open()
    with store.transaction() as database:
        assert database.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS) + 1
        assert database.execute("SELECT colour FROM cameras").fetchall() == []
    assert names(store) == ["kept"]


def test_a_migration_that_fails_leaves_the_database_as_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = "ALTER TABLE cameras ADD COLUMN colour TEXT; ALTER TABLE nothing ADD COLUMN colour TEXT;"
    monkeypatch.setattr(store_module, "MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(StoreError, match="cannot be used"):
        store.open()
    with store.transaction() as database:
        assert database.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        with pytest.raises(sqlite3.OperationalError):
            database.execute("SELECT colour FROM cameras")


def test_a_newer_schema_is_refused_and_untouched(store: Store) -> None:
    with store.transaction() as database:
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1:d}")
    with pytest.raises(StoreError, match="newer version"):
        Store(store.folder).open()


def test_what_raises_inside_a_transaction_takes_it_back(store: Store) -> None:
    with pytest.raises(LookupError), store.transaction() as database:
        insert(database, "one")
        raise LookupError
    with pytest.raises(StoreError), store.transaction() as database:
        insert(database, "two")
        database.execute("nonsense")
    assert names(store) == []


@pytest.mark.parametrize("what", ["a file", "below a file", "not a database"])
def test_a_folder_that_cannot_be_used_is_said_in_a_sentence(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "data"
    if what == "not a database":
        folder.mkdir()
        (folder / DATABASE).write_bytes(b"hello, this is a letter and not a database" * 50)
    else:
        folder.write_text("a file")
    with pytest.raises(StoreError, match=r"The data folder .* cannot be used"):
        Store(folder / "deeper" if what == "below a file" else folder).open()


def test_a_process_that_is_killed_inside_a_transaction_leaves_the_database_whole(store: Store) -> None:
    script = """
import os, sys
from pathlib import Path
from pi_cam.store import Store
with Store(Path(sys.argv[1])).transaction() as database:
    for number in range(2000):
        values = (str(number), "x" * 1000 + str(number))
        database.execute("INSERT INTO tokens (name, secret_hash, can, created_at) VALUES (?, ?, 'view', 0)", values)
    print("in the middle", flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", script, str(store.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the middle\n"
        process.send_signal(signal.SIGKILL)
    store.open()
    assert names(store) == []
    with store.transaction() as database:
        insert(database, "after")
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_many_processes_may_begin_at_once_on_new_folders(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from pi_cam.store import Store
stores = [Store(Path(sys.argv[1]) / str(number)) for number in range(20)]
print("here", flush=True)
sys.stdin.readline()
for store in stores:
    store.open()
    print(store.secret().hex())
"""
    assert len(set(run_together(script, tmp_path, processes=5))) == 1


def test_two_processes_may_write_at_once(store: Store) -> None:
    script = """
import os, sys
from pathlib import Path
from pi_cam.store import Store
store = Store(Path(sys.argv[1]))
print("here", flush=True)
sys.stdin.readline()
for number in range(30):
    with store.transaction() as database:
        count = database.execute("SELECT count(*) FROM tokens").fetchone()[0]
        values = (f"{count:03}", f"{count:03}")
        database.execute("INSERT INTO tokens (name, secret_hash, can, created_at) VALUES (?, ?, 'view', 0)", values)
"""
    run_together(script, store.folder)
    assert names(store) == [f"{number:03}" for number in range(60)]


def test_threads_may_make_the_secret_at_once(store: Store) -> None:
    ready = threading.Barrier(8)
    seen: list[bytes] = []

    def look() -> None:
        ready.wait()
        seen.append(store.secret())

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1
    assert {path.name for path in store.folder.iterdir()} == {DATABASE, GOOD_COPY, SECRET}


def test_a_folder_with_other_things_keeps_its_mode_and_is_refused_when_others_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "letter.txt").write_text("not ours")
    folder.chmod(0o755)
    with pytest.raises(StoreError, match="holds other things"):
        Store(folder).open()
    assert mode(folder) == 0o755
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]
    folder.chmod(0o700)
    Store(folder).open()
    assert (folder / DATABASE).exists()


def test_what_only_looks_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no camera's data"):
        Store(tmp_path / "nowhere").open(create=False)
    assert list(tmp_path.iterdir()) == []


def damage(folder: Path, how: str) -> None:
    path = folder / DATABASE
    if how == "gone":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "not a database":
        path.write_bytes(b"a letter" * 1000)
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:8192])
    elif how == "a broken page":
        data = path.read_bytes()
        path.write_bytes(data[:4096] + os.urandom(len(data) - 4096))


DAMAGE = ["gone", "empty", "not a database", "cut", "a broken page"]


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_database_is_set_aside_and_the_good_copy_used_without_sessions(store: Store, how: str) -> None:
    sessions = Sessions(store, lambda: 60.0)
    accounts = Accounts(store, PasswordHasher(store.secret(), cost=4), sessions, Totp(store, store.secret()))
    accounts.create_owner("Ada", "a green door behind the house")
    secret, _ = accounts.sign_in("Ada", "a green door behind the house", address="", agent="")
    Tokens(store).create("gone", ["view"])
    kept = Tokens(store).create("kept", ["view"])
    Tokens(store).revoke("gone")
    store.keep_good_copy()
    assert sessions.person(secret)
    damage(store.folder, how)
    after = Store(store.folder)
    after.open()
    assert after.restored is not None
    assert (store.folder / after.restored).exists()
    assert mode(store.folder / DATABASE) == 0o600
    assert f"kept as {after.restored}" in (after.problem() or "")
    assert names(after) == ["kept"]
    assert Tokens(after).bearer(kept)
    assert accounts.has_owner()
    assert sessions.person(secret) is None
    again = Store(store.folder)
    again.open()
    assert (again.restored, names(again)) == (None, ["kept"])


@pytest.mark.parametrize("how", ["not a database", "cut", "a broken page"])
def test_damage_without_a_good_copy_is_refused_in_a_sentence(store: Store, how: str) -> None:
    (store.folder / GOOD_COPY).unlink()
    damage(store.folder, how)
    with pytest.raises(StoreError, match=r"its database is damaged \(.+\), and there is no good copy of it\. Restore"):
        Store(store.folder).open()
    assert {path.name for path in store.folder.glob("pi-cam*")} == {DATABASE}


def test_a_good_copy_that_is_damaged_too_is_refused_in_a_sentence(store: Store) -> None:
    damage(store.folder, "cut")
    (store.folder / GOOD_COPY).write_bytes(b"a letter" * 1000)
    with pytest.raises(StoreError, match="cannot be used"):
        Store(store.folder).open()
    assert not list(store.folder.glob("pi-cam.damaged*"))


def test_the_good_copy_follows_each_change_of_rights(store: Store) -> None:
    def copied() -> list[str]:
        opened = sqlite3.connect(store.folder / GOOD_COPY)
        found = [row[0] for row in opened.execute("SELECT name FROM tokens ORDER BY name")]
        opened.close()
        return found

    tokens = Tokens(store)
    tokens.create("one", ["view"])
    assert copied() == ["one"]
    assert mode(store.folder / GOOD_COPY) == 0o600
    tokens.revoke("one")
    assert copied() == []
    with store.transaction() as opened:
        insert(opened, "two")
    assert copied() == []
    store.start()
    store.stop()
    assert copied() == ["two"]


def test_a_copy_of_a_damaged_database_never_replaces_a_good_one(store: Store) -> None:
    before = (store.folder / GOOD_COPY).read_bytes()
    with store.transaction() as opened:
        for number in range(200):
            insert(opened, f"{number:0200}")
    data = (store.folder / DATABASE).read_bytes()
    (store.folder / DATABASE).write_bytes(data[:8192] + b"\xff" * (len(data) - 8192))
    store.keep_good_copy()
    assert (store.folder / GOOD_COPY).read_bytes() == before


def test_a_copy_that_cannot_be_made_takes_the_old_one_along(store: Store) -> None:
    (store.folder / f".{GOOD_COPY}.new").mkdir()
    store.keep_good_copy()
    assert (store.folder / GOOD_COPY).exists()
    Tokens(store).create("one", ["view"])
    assert not (store.folder / GOOD_COPY).exists()
    assert names(store) == ["one"]


def test_a_database_that_vanishes_while_it_is_used_is_not_begun_anew(store: Store) -> None:
    (store.folder / DATABASE).unlink()
    with pytest.raises(StoreError, match="cannot be used"):
        names(store)
    assert not (store.folder / DATABASE).exists()
