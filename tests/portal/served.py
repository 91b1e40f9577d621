"""The portal as a server: gunicorn and `web.portal.wsgi:app`, told everything by the environment."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.portal.post_office import free_port

HERE = Path(__file__).parents[2]
START_SECONDS = 20.0
SERVER = ("-m", "gunicorn", "--threads", "8", "--no-control-socket", "--graceful-timeout", "2")


@contextmanager
def served(log: Path, environment: Mapping[str, str], port: int | None = None) -> Iterator[str]:
    """Its address, under the name localhost; until the end of the block."""
    port = port or free_port()
    url = f"http://localhost:{port}"
    own = {"PORTAL_ENVIRONMENT": "development", "PORTAL_URL": url, "PORTAL_BCRYPT_COST": "4"}
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, *SERVER, "--bind", f"127.0.0.1:{port}", "web.portal.wsgi:app"],
            cwd=HERE,
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **own, **environment},
            stdout=file,
            stderr=file,
        )
    try:
        wait_for(port, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
            time.sleep(0.05)
        else:
            return
