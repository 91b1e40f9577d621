"""Backups that can be restored, and a database user who may no more than the portal needs."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.portal.conftest import Build
from tests.portal.deployed import FILES
from tests.portal.guide import DEBIAN, block_with
from tests.portal.mariadb import MariaDb
from tests.portal.post_office import PostOffice
from tests.portal.speaking import Speaker
from tests.portal.test_devices import ZOE, pair
from tests.portal.visitor import Visitor
from tests.prerequisites import require
from web.portal import migrate
from web.portal.database import engine_for


class Copies:
    """The scripts, as they are called, with the tests' MariaDB."""

    def __init__(self, server: MariaDb, folder: Path) -> None:
        require("mariadb-dump (apt install mariadb-client)", shutil.which("mariadb-dump") is not None)
        self.server, self.folder = server, folder / "copies"
        self._options = folder / "options.cnf"
        self._options.write_text(f"[client]\nuser=root\nsocket={server.socket}\n")

    def backup(self, database: str = "portal", **environment: str) -> subprocess.CompletedProcess[str]:
        return self._run("backup.sh", database, str(self.folder), **environment)

    def restore(self, database: str, copy: Path) -> subprocess.CompletedProcess[str]:
        return self._run("restore.sh", database, str(copy))

    def empty(self, name: str) -> str:
        connection = pymysql.connect(user="root", unix_socket=str(self.server.socket))
        with connection, connection.cursor() as cursor:
            cursor.execute(f"drop database if exists {name}")
        return self.server.create(name)

    def _run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [str(FILES / script), *arguments, str(self._options)]
        own = {"PATH": os.environ["PATH"], **environment}
        return subprocess.run(command, env=own, capture_output=True, text=True, check=False)


@pytest.fixture
def copies(mariadb_server: MariaDb, tmp_path: Path) -> Copies:
    return Copies(mariadb_server, tmp_path)


def test_a_copy_is_restored_and_people_and_devices_come_in(build: Build, office: PostOffice, copies: Copies) -> None:
    app = build()
    zoe, device = Visitor(app, office).join("zoe.o'neil@example.org"), Speaker(app)
    pair(zoe, device)
    device.presence(cameras=[{"id": "main", "name": "Crèche — 猫 \\ ' \" %", "state": "idle", "viewers": 0}])
    done = copies.backup()
    assert done.returncode == 0, done.stderr
    copy = Path(done.stdout.strip())
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.parent.stat().st_mode & 0o777 == 0o700
    assert list(copies.folder.iterdir()) == [copy]

    url = copies.empty("restored")
    done = copies.restore("restored", copy)
    assert done.returncode == 0, done.stderr
    again = build(database_url=url)
    returned = Visitor(again, office)
    assert returned.sign_in("zoe.o'neil@example.org").status_code == 303
    assert "Crèche — 猫 \\ &#39; &#34; %" in returned.get("/cameras").text
    device.client = again.test_client()
    assert device.sign_in().status_code == 200
    assert device.presence().status_code == 200


def test_what_is_damaged_or_in_use_is_not_restored(
    build: Build, office: PostOffice, copies: Copies, tmp_path: Path
) -> None:
    Visitor(build(), office).join(ZOE)
    copy = Path(copies.backup().stdout.strip())
    whole = copy.read_bytes()
    sql = gzip.decompress(whole)
    bad = {
        "damaged": whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
        "damaged, too": whole[: len(whole) // 2],
        "has no end": gzip.compress(sql[: len(sql) // 2]),
        "has no end, too": gzip.compress(b""),
    }
    copies.empty("restored")
    for why, content in bad.items():
        (tmp_path / "bad.gz").write_bytes(content)
        done = copies.restore("restored", tmp_path / "bad.gz")
        assert (done.returncode, done.stdout) == (1, ""), why
        assert why.partition(",")[0] in done.stderr
    for database, why in (("portal", "is not empty"), ("nowhere", "there is no database"), ("a'b", "is not the name")):
        done = copies.restore(database, copy)
        assert (done.returncode, done.stdout) == (1, ""), why
        assert why in done.stderr
    assert copies.restore("restored", copy).returncode == 0


def test_the_newest_copies_stay_and_a_failed_one_leaves_nothing(build: Build, copies: Copies) -> None:
    build()
    copies.folder.mkdir()
    old = [copies.folder / f"portal-2026010{day}T031000Z.sql.gz" for day in range(1, 5)]
    other = copies.folder / "portal_two-20260101T031000Z.sql.gz"
    for path in (*old, other):
        path.touch()
    assert copies.backup("nowhere").returncode != 0
    assert sorted(copies.folder.iterdir()) == sorted([*old, other])
    made = Path(copies.backup(KEEP="3").stdout.strip())
    assert sorted(copies.folder.iterdir()) == sorted([*old[2:], made, other])


def test_the_guides_database_users_may_no_more_than_they_need(
    mariadb_server: MariaDb, build: Build, office: PostOffice
) -> None:
    """The statements are those of docs/deploy/portal-on-debian.md, for a database of another name."""
    found = re.search(r"<<END\n(.*?)\nEND", block_with(DEBIAN, "create user"), re.DOTALL)
    assert found
    statements = found[1].replace("$RUNNING", "run1").replace("$MIGRATING", "migrate1").replace("portal.*", "guided.*")
    statements = statements.replace("database portal ", "database guided ")
    connection = pymysql.connect(user="root", unix_socket=str(mariadb_server.socket))
    with connection, connection.cursor() as cursor:
        for user in ("portal", "portal_migrate"):
            cursor.execute(f"drop user if exists '{user}'@'localhost'")
        cursor.execute("drop database if exists guided")
        for statement in statements.split(";"):
            if statement.strip():
                cursor.execute(statement)

    def url(user: str, password: str) -> str:
        return mariadb_server.url("guided").replace("root@", f"{user}:{password}@")

    changing, running = engine_for(url("portal_migrate", "migrate1")), engine_for(url("portal", "run1"))
    migrate.up(changing)
    migrate.down(changing, "base")
    migrate.up(changing)
    app = build(database_url=url("portal", "run1"))
    zoe = Visitor(app, office).join(ZOE)
    pair(zoe, Speaker(app))
    for statement in (
        "create table t (a int)",
        "drop table users",
        "alter table users add a int",
        "select * from mysql.user",
    ):
        with running.connect() as refused, pytest.raises(DBAPIError, match=r"1142|1044"):
            refused.execute(text(statement))
    running.dispose()
    changing.dispose()
