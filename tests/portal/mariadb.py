"""A MariaDB of the tests' own: Debian's program, a folder and a socket that nobody else uses, no network."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pymysql

PROGRAM = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SCRIPTS = ("mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql")
NEWER_NAMES = {name: name.replace("mysql_", "mariadb_", 1) for name in SCRIPTS}
SHARE = (Path("/usr/share/mariadb"), Path("/usr/share/mysql"))
START_SECONDS = 30.0

FAST = (
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    "--skip-log-bin",
    "--skip-networking",
    "--skip-name-resolve",
)
"""A machine that loses power loses the tests' data, and nothing else."""


@dataclass
class MariaDb:
    """One server. It can be stopped and started again over the same data."""

    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    def url(self, database: str) -> str:
        # PyMySQL reads all certificates of the machine for each connection, even for a socket that needs none.
        return f"mysql+pymysql://root@localhost/{database}?unix_socket={self.socket}&ssl_disabled=true"

    def install(self) -> None:
        """The system tables, as Debian's own installer makes them."""
        (self.folder / "data").mkdir()
        script = ["create database mysql;", "use mysql;", "set @auth_root_socket=NULL;"]
        script += [_script(name).read_text("utf-8") for name in SCRIPTS]
        done = subprocess.run(
            [*self._command(), "--bootstrap", *FAST], input="\n".join(script).encode(), capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()[-2000:]

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._command(), f"--socket={self.socket}", f"--pid-file={self.folder}/pid", *FAST],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(self.socket))
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text(errors="replace")[-2000:]
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def create(self, database: str) -> str:
        """Its address."""
        connection = pymysql.connect(user="root", unix_socket=str(self.socket))
        with connection, connection.cursor() as cursor:
            cursor.execute(f"create database {database} character set utf8mb4 collate utf8mb4_bin")
        return self.url(database)

    def _command(self) -> list[str]:
        assert PROGRAM
        own = ["--user=root"] if os.geteuid() == 0 else []  # it asks that root be named
        return [PROGRAM, "--no-defaults", *own, f"--datadir={self.folder}/data", f"--tmpdir={self.folder}"]


@contextmanager
def running(folder: Path) -> Iterator[MariaDb]:
    """A new one, until the end of the block."""
    server = MariaDb(folder)
    server.install()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _script(name: str) -> Path:
    places = [folder / one for folder in SHARE for one in (NEWER_NAMES[name], name)]
    return next(path for path in places if path.exists())
