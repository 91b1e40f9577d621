"""The tables go up and down, on the real server, and are those that the models describe."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Column, Engine, column, insert, inspect, select, table, text

from tests.portal import planted
from tests.portal.mariadb import MariaDb
from web.portal import migrate
from web.portal.database import Base, Moment, engine_for
from web.portal.devices.models import Epoch, Share

HERE = Path(__file__).parents[2]
LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
VALUES: dict[type, object] = {bool: False, bytes: b"\x01\xff", float: 1.5, int: 7}
"""What stands in columns, by their kind; in those for text stands their name."""

Contents = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=["mariadb", "sqlite"])
def empty(request: pytest.FixtureRequest, mariadb_server: MariaDb, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/portal.db"
    return mariadb_server.create(f"steps_{abs(hash(request.node.name))}")


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def contents(engine: Engine) -> Contents:
    """All rows of all tables, as the database gives them."""
    with engine.connect() as connection:
        found = {name: connection.execute(select(text("*")).select_from(table(name))) for name in tables(engine)}
        return {name: [dict(row) for row in rows.mappings()] for name, rows in found.items()}


def fill(engine: Engine) -> None:
    """A row into each table that has none, with whatever columns there are at this step."""
    there = contents(engine)
    with engine.begin() as connection:
        for described in Base.metadata.sorted_tables:
            if there.get(described.name) == []:
                names = connection.execute(select(text("*")).select_from(table(described.name))).keys()
                columns = [described.c[name] for name in names if name in described.c]
                lean = table(described.name, *(column(one.name, one.type) for one in columns))
                connection.execute(insert(lean).values({one.name: value_for(one) for one in columns}))


def value_for(described: Column[Any]) -> object:
    """The same each time, so that a row fits the one to which it refers."""
    for key in described.foreign_keys:
        return value_for(key.column)
    if isinstance(described.type, Moment):
        return LONG_AGO
    kind = described.type.python_type
    return described.name[: getattr(described.type, "length", None)] if kind is str else VALUES[kind]


def assert_kept(before: Contents, after: Contents, step: str) -> None:
    """What stood in tables and columns that are still there, or were there before; a step may add rows."""
    for name in before.keys() & after.keys():
        assert before[name], (step, name)
        for row in before[name]:
            kept = [all(new[known] == row[known] for known in row.keys() & new.keys()) for new in after[name]]
            assert any(kept), (step, name, row, after[name])


def test_every_step_goes_up_and_down_and_up(empty: str) -> None:
    engine = engine_for(empty)
    steps = list(ScriptDirectory(str(migrate.MIGRATIONS)).walk_revisions())[::-1]
    for step in steps:
        migrate.up(engine, step.revision)
        assert migrate.state(engine) == step.revision
        migrate.down(engine)
        assert migrate.state(engine) == step.down_revision
        migrate.up(engine, step.revision)
    assert tables(engine) == set(Base.metadata.tables)
    migrate.up(engine)
    migrate.down(engine, "base")
    assert tables(engine) == set()
    engine.dispose()


def test_who_may_come_in_already_has_an_epoch_from_then_on(empty: str) -> None:
    engine = engine_for(empty)
    migrate.up(engine, "0005")
    with engine.begin() as connection:
        owner, guest, stranger = planted.people(connection, 3)
        keys = [Ed25519PrivateKey.generate() for _ in range(2)]
        first, second = planted.devices(connection, [owner], keys)
        connection.execute(insert(Epoch).values(device_id=first, user_id=owner, epoch=7))
        shared = {"device": first, "guest": guest, "at": "2026-01-01 00:00:00"}
        for camera in ("main", "garden"):
            statement = text(
                "INSERT INTO shares (device_id, user_id, camera, can, created_at)"
                " VALUES (:device, :guest, :camera, 'view', :at)"
            )
            connection.execute(statement, {**shared, "camera": camera})
    migrate.up(engine)
    with engine.connect() as connection:
        rows = {(row.device_id, row.user_id): row.epoch for row in connection.execute(select(Epoch.__table__))}
        ended = set(connection.execute(select(Share.ended)).scalars())
    engine.dispose()
    assert rows.keys() == {(first, owner), (second, owner), (first, guest)}
    assert rows.pop((first, owner)) == 7
    assert all(abs(epoch - time.time()) < 60 for epoch in rows.values())
    assert ended == {False}
    assert stranger


def test_no_step_takes_what_stands_in_other_tables(empty: str) -> None:
    engine = engine_for(empty)
    steps = list(ScriptDirectory(str(migrate.MIGRATIONS)).walk_revisions())
    migrate.up(engine)
    fill(engine)
    assert set(contents(engine)) == set(Base.metadata.tables)
    for step in steps:
        before = contents(engine)
        migrate.down(engine)
        assert_kept(before, contents(engine), f"down from {step.revision}")
    assert contents(engine) == {}
    for step in reversed(steps):
        before = contents(engine)
        migrate.up(engine, step.revision)
        assert_kept(before, contents(engine), f"up to {step.revision}")
        fill(engine)
    assert set(contents(engine)) == set(Base.metadata.tables)
    engine.dispose()


def test_the_newest_state_is_that_of_the_models(database_url: str) -> None:
    engine = engine_for(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_tables_are_safe_ones(database_url: str) -> None:
    engine = engine_for(database_url)
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "select table_name, engine, table_collation from information_schema.tables where table_schema = 'portal'"
            )
        ).all()
        mode = connection.execute(text("select @@sql_mode, @@time_zone, @@tx_isolation")).one()
    engine.dispose()
    assert {(row[1], row[2]) for row in rows if row[0] != "alembic_version"} == {("InnoDB", "utf8mb4_bin")}
    assert "STRICT_ALL_TABLES" in mode[0]
    assert mode[1:] == ("+00:00", "READ-COMMITTED")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/portal.db")
    assert [migrate.main([word]) for word in ("show", "up", "down")] == [0, 0, 0]
    states = [line.rpartition(" ")[2] for line in capsys.readouterr().out.splitlines()]
    newest = ScriptDirectory(str(migrate.MIGRATIONS)).get_revision("head")
    assert newest is not None
    assert states == ["base", newest.revision, newest.down_revision]


@pytest.mark.parametrize(
    ("arguments", "url", "status"),
    [
        (["up"], "", 2),
        ([], "sqlite://", 2),
        (["sideways"], "sqlite://", 2),
        (["up", "9999"], "sqlite://", 1),
        (["up"], "mysql+pymysql://nobody@127.0.0.1:9/portal", 1),
        (["up"], "nonsense", 1),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_command_fails_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    url: str,
    status: int,
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert migrate.main(arguments) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1


def test_it_is_a_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "web.portal.migrate", "show"],
        cwd=HERE,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": f"sqlite:///{tmp_path}/portal.db"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "the tables are at revision base\n")
