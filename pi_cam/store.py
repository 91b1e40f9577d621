"""The data folder and its embedded SQLite database."""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pi_cam import database, durable
from pi_cam.errors import StoreError
from pi_cam.migrations import MIGRATIONS

log = logging.getLogger(__name__)

DATABASE = "pi-cam.db"
GOOD_COPY = "pi-cam.good.db"
SECRET = "secret.key"
RESERVE = "reserve"
RESERVE_BYTES = 512 * 1024
"""Room that is given back when the disk is full at a start: SQLite needs some even for reading."""


class Store:
    """A folder that only its owner may read. A connection is opened per transaction: any thread may use the store, and the
    command line may use it beside a running server. `restored`: the name under which `open` kept a damaged database that it
    replaced by its last good copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.restored: str | None = None
        self._path = folder / DATABASE
        self._good = folder / GOOD_COPY
        self._held: sqlite3.Connection | None = None

    def open(self, *, create: bool = True) -> None:
        """Makes the folder (unless `create` is off) and brings the database up to date; a damaged one is set aside and its
        last good copy used, in which nobody is signed in. Raises `StoreError` with a sentence."""
        try:
            if not (create or self._path.exists() or self._good.exists() or self.folder.is_file()):
                raise StoreError(f"There is no camera's data in {self.folder}.")
            self._make_folder()
            with database.alone(self.folder):
                try:
                    self._open()
                except (OSError, sqlite3.OperationalError):
                    if not self._give_way():
                        raise
                    self._open()
        except (OSError, sqlite3.Error, database.Damaged) as error:
            raise StoreError(f"The data folder {self.folder} cannot be used: {error}") from error

    def _open(self) -> None:
        try:
            changed = self._prepare()
        except database.Damaged as damage:
            self._restore(damage)
            changed = self._prepare()
        if changed or not self._good.exists():
            self._copy()

    def start(self) -> None:
        """Holds the database open while the device runs; makes the good copy and the reserve anew. Raises `StoreError`."""
        try:
            self._held = database.hold(self._path)
        except sqlite3.Error as error:
            raise StoreError(f"The data folder {self.folder} cannot be used: {error}") from error
        self.keep_good_copy()
        self._keep_reserve()

    def stop(self) -> None:
        """Lets it go."""
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def state(self) -> dict[str, object]:
        """What is wrong with it."""
        return {"problem": self.problem()}

    def problem(self) -> str | None:
        """A sentence while a damaged database lies in the folder."""
        kept = sorted(self.folder.glob("pi-cam.damaged-*.db"))
        if not kept:
            return None
        return f"The database was damaged: its last good copy is used. The damaged one is kept as {kept[-1].name}."

    @contextmanager
    def transaction(self, *, rights: bool = False) -> Iterator[sqlite3.Connection]:
        """Commits at the end, rolls back when something is raised. `rights`: it changes who may do what, so that the good
        copy is made anew. Raises `StoreError` when the disk says no."""
        try:
            with database.connection(self._path) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise StoreError(f"The database in {self.folder} cannot be used: {error}") from error
        if rights:
            self.keep_good_copy(rights_changed=True)

    def keep_good_copy(self, *, rights_changed: bool = False) -> None:
        """Makes the good copy anew. One that cannot be made is logged. After a change of rights the old one goes then: it
        might give a right back that was taken away."""
        try:
            with database.alone(self.folder):
                self._copy()
        except (OSError, sqlite3.Error) as error:
            log.error("no good copy of the database", extra={"problem": str(error)})
            if rights_changed:
                with contextlib.suppress(OSError):
                    self._good.unlink(missing_ok=True)
        except database.Damaged as damage:  # then the old copy is the better one
            log.error("the database is damaged", extra={"problem": str(damage)})

    def secret(self) -> bytes:
        """32 random bytes, made once and kept in a file of mode 0600."""
        path = self.folder / SECRET
        try:
            if not path.exists():
                durable.make_once(path, secrets.token_bytes(32))
            return _whole_secret(path)
        except OSError as error:
            raise StoreError(f"The data folder {self.folder} cannot be used: {error}") from error

    def _make_folder(self) -> None:
        """A folder of ours alone. One that holds other things stays as it is: its mode is none of our business, and where
        others can read it, it is no place for secrets."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ours = self._path.exists() or self._good.exists() or not any(self.folder.iterdir())
        if ours:
            self.folder.chmod(0o700)
        elif self.folder.stat().st_mode & 0o077:
            raise StoreError(
                f"The folder {self.folder} holds other things, and others can read it: name one of its own."
            )

    def _prepare(self) -> bool:
        """Whether the schema was brought further. Raises `Damaged`."""
        database.make(self._path)
        try:
            with database.connection(self._path) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                database.check(connection)
                return self._migrate(connection)
        except sqlite3.Error as error:
            if database.is_damage(error):
                raise database.Damaged(str(error)) from error
            raise

    def _migrate(self, connection: sqlite3.Connection) -> bool:
        connection.execute("BEGIN IMMEDIATE")
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise StoreError("The data folder was written by a newer version of pi-cam.")
        if version == 0 and self._good.exists():  # gone, or cut to nothing: never silently a device without an owner
            raise database.Damaged("it is empty")
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            for statement in script.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number:d}")
        return version < len(MIGRATIONS)

    def _restore(self, damage: database.Damaged) -> None:
        """The new file is whole before the damaged one goes. Raises `StoreError` when there is no good copy."""
        if not self._good.exists():
            raise StoreError(
                f"The data folder {self.folder} cannot be used: its database is damaged ({damage}), and there is no good"
                f" copy of it. Restore a backup, or move {DATABASE} away to begin anew."
            )
        fresh = database.new_beside(self._path)
        shutil.copyfile(self._good, fresh)
        with database.connection(fresh) as connection:
            database.check(connection)
            connection.execute("DELETE FROM sessions")  # one of them may have been ended since
            connection.execute("DELETE FROM portal_sessions")
        self.restored = database.set_aside(self._path).name
        durable.rename(fresh, self._path)
        log.error("the database was damaged", extra={"problem": str(damage), "kept_as": self.restored})

    def _copy(self) -> None:
        """Raises `Damaged` when what was copied is."""
        fresh = database.new_beside(self._good)
        try:
            with database.connection(self._path) as connection, database.connection(fresh) as copy:
                connection.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole in itself
                database.check(copy)
            durable.rename(fresh, self._good)
        finally:
            fresh.unlink(missing_ok=True)

    def _keep_reserve(self) -> None:
        path = self.folder / RESERVE
        if not path.exists() or path.stat().st_size < RESERVE_BYTES:
            with contextlib.suppress(OSError):
                durable.replace(path, bytes(RESERVE_BYTES))

    def _give_way(self) -> bool:
        """Whether there was a reserve, and the disk is so full that it is needed."""
        path = self.folder / RESERVE
        if not path.exists() or shutil.disk_usage(self.folder).free >= RESERVE_BYTES:
            return False
        path.unlink()
        log.error("the disk is full: the reserve is given back")
        return True


def _whole_secret(path: Path) -> bytes:
    secret = path.read_bytes()
    if len(secret) != 32:
        raise StoreError(f"{path} is damaged; restore it from a backup.")
    return secret
