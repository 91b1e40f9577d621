"""The data folder and its embedded SQLite database."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pi_cam.errors import StoreError

DATABASE = "pi-cam.db"
SECRET = "secret.key"
BUSY_SECONDS = 5.0

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE users (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE COLLATE NOCASE,
        role TEXT NOT NULL CHECK (role IN ('owner', 'member', 'guest')),
        password_hash TEXT NOT NULL,
        created_at REAL NOT NULL
    );
    CREATE UNIQUE INDEX one_owner ON users (role) WHERE role = 'owner';
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        secret_hash TEXT NOT NULL UNIQUE,
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        agent TEXT NOT NULL,
        created_at REAL NOT NULL,
        seen_at REAL NOT NULL
    );
    CREATE TABLE tokens (
        name TEXT PRIMARY KEY,
        secret_hash TEXT NOT NULL UNIQUE,
        can TEXT NOT NULL,
        created_at REAL NOT NULL
    );
    CREATE TABLE cameras (
        id TEXT PRIMARY KEY,
        stopped INTEGER NOT NULL DEFAULT 0
    );
    """,
    """
    ALTER TABLE users ADD COLUMN expires_at REAL;
    CREATE TABLE grants (
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        camera_id TEXT NOT NULL,
        can TEXT NOT NULL,
        PRIMARY KEY (user_id, camera_id)
    ) WITHOUT ROWID;
    ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
    ALTER TABLE tokens ADD COLUMN cameras TEXT;
    ALTER TABLE cameras ADD COLUMN name TEXT;
    ALTER TABLE cameras ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE cameras ADD COLUMN address BLOB;
    ALTER TABLE cameras ADD COLUMN small_address BLOB;
    ALTER TABLE cameras ADD COLUMN allow_lan INTEGER NOT NULL DEFAULT 0;
    """,
    """
    CREATE TABLE totp (
        user_id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
        secret BLOB NOT NULL,
        confirmed INTEGER NOT NULL DEFAULT 0,
        last_step INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE recovery_codes (
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        code_hash TEXT NOT NULL,
        PRIMARY KEY (user_id, code_hash)
    ) WITHOUT ROWID;
    CREATE TABLE passkeys (
        id BLOB PRIMARY KEY,
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        public_key BLOB NOT NULL,
        sign_count INTEGER NOT NULL,
        host TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at REAL NOT NULL,
        used_at REAL
    );
    """,
)
"""Each entry brings the schema one version further; entries are never changed once released."""


class Store:
    """A folder that only its owner may read. A connection is opened per transaction: any thread may use the store, and the
    command line may use it beside a running server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / DATABASE

    def open(self, *, create: bool = True) -> None:
        """Makes the folder (unless `create` is off) and brings the database up to date. Raises `StoreError`."""
        try:
            if not create and not self._path.exists() and not self.folder.is_file():
                raise StoreError(f"There is no camera's data in {self.folder}.")
            self._make_folder()
            # Made before SQLite does, whose own files take over its mode: at no moment can anybody else read it.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            self._path.chmod(0o600)
            with self._alone(), self._connect() as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                self._migrate(connection)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"The data folder {self.folder} cannot be used: {error}") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commits at the end, rolls back when something is raised. Raises `StoreError` when the disk says no."""
        try:
            with self._connect() as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise StoreError(f"The database in {self.folder} cannot be used: {error}") from error

    def secret(self) -> bytes:
        """32 random bytes, made once and kept in a file of mode 0600."""
        path = self.folder / SECRET
        try:
            if not path.exists():
                self._make_secret(path)
            return _whole_secret(path)
        except OSError as error:
            raise StoreError(f"The data folder {self.folder} cannot be used: {error}") from error

    def _make_folder(self) -> None:
        """A folder of ours alone. One that holds other things stays as it is: its mode is none of our business, and where
        others can read it, it is no place for secrets."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ours = self._path.exists() or not any(self.folder.iterdir())
        if ours:
            self.folder.chmod(0o700)
        elif self.folder.stat().st_mode & 0o077:
            raise StoreError(
                f"The folder {self.folder} holds other things, and others can read it: name one of its own."
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process after the other: SQLite does not wait for its turn while it changes the journal mode."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _make_secret(self, path: Path) -> None:
        """Written in full under another name first: of two processes one wins, and neither sees half a secret."""
        with tempfile.NamedTemporaryFile(dir=self.folder) as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            yield connection
            if connection.in_transaction:
                connection.execute("COMMIT")
        finally:
            connection.close()  # an open transaction is rolled back by this

    @staticmethod
    def _migrate(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise StoreError("The data folder was written by a newer version of pi-cam.")
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            for statement in script.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number:d}")


def _whole_secret(path: Path) -> bytes:
    secret = path.read_bytes()
    if len(secret) != 32:
        raise StoreError(f"{path} is damaged; restore it from a backup.")
    return secret
