"""The database: MySQL or MariaDB through PyMySQL, in UTC and strict; SQLite on a laptop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, DateTime, Dialect, Engine, MetaData, TypeDecorator, create_engine, event
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase

Clock = Callable[[], datetime]
"""The present moment, in UTC."""

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
"""Written down so that a migration can name what it removes."""

TABLE = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
"""Binary comparison: with any other, é and e would be the same letter, and so two people's addresses the same address."""

SESSION = (
    "SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = 10"
)


DEADLOCK_TRIES = 5

Result = TypeVar("Result")


class Base(DeclarativeBase):
    """Of all tables."""

    metadata = MetaData(naming_convention=NAMES)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC with microseconds. Databases keep it without its zone."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """MySQL cuts microseconds off unless it is told not to."""
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name == "mysql" else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Raises `ValueError` for a moment without a zone."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always in UTC."""
        return value and value.replace(tzinfo=UTC)


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})


def engine_options(url: str) -> dict[str, Any]:
    """For `create_engine`. A connection that died meanwhile is replaced before it is used; nobody waits for a dead server
    longer than some seconds; and no value reaches a log with an error."""
    options: dict[str, Any] = {"hide_parameters": True}
    if make_url(url).get_backend_name() == "mysql":
        options |= {
            "pool_pre_ping": True,
            "pool_recycle": 280,
            "pool_timeout": 5,
            "isolation_level": "READ COMMITTED",
            "connect_args": {
                "charset": "utf8mb4",
                "init_command": SESSION,
                "connect_timeout": 5,
                "read_timeout": 15,
                "write_timeout": 15,
            },
        }
    return options


def engine_for(url: str) -> Engine:
    """Outside of Flask, for migrations."""
    return create_engine(url, **engine_options(url))


@event.listens_for(Engine, "connect")
def _enforce_foreign_keys(connection: Any, _record: Any) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 5000")


@contextmanager
def apart() -> Iterator[Connection]:
    """A transaction that is committed whatever becomes of the view. What the view did so far is committed, too: who held one
    connection and waited for a second would, among many, wait for ever."""
    db.session.commit()
    with db.engine.begin() as connection:
        yield connection


def despite_deadlocks(work: Callable[[], Result]) -> Result:
    """What `work` gives. Two who change the same at the same moment may stand in each other's way, and the database lets one
    of them begin again; `work` must bear that. Raises what it raises else."""
    for _ in range(DEADLOCK_TRIES - 1):
        try:
            return work()
        except OperationalError as error:
            if not error.orig or error.orig.args[:1] not in ((1213,), (1205,)):
                raise
            db.session.rollback()
    return work()


def now() -> datetime:
    """The usual `Clock`."""
    return datetime.now(UTC)
