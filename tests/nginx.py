"""nginx as `deploy/nginx` sets it up, in front of a camera."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.server import Server

PROGRAM = shutil.which("nginx") or "/usr/sbin/nginx"
SITE = Path(__file__).parents[1] / "deploy/nginx/pi-cam.conf"
BEHIND = {"PI_CAM_BEHIND_PROXY": "yes"}


def configuration(server: Server, folder: Path, http: int, https: int) -> Path:
    """The project's own file, filled in, within the little that a distribution puts around it."""
    site = SITE.read_text("utf-8")
    values = {"DATA": str(server.data), "HTTP": str(http), "HTTPS": str(https), "PORT": str(server.address()[1])}
    for word, value in values.items():
        site = site.replace(f"@{word}@", value)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.conf").write_text(site, "utf-8")
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.getuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;\n"
        f"events {{ worker_connections 512; }}\nhttp {{ {places} include {folder}/site.conf; }}\n",
        "utf-8",
    )
    return main


@contextmanager
def in_front_of(server: Server, folder: Path, host: str = "127.0.0.1") -> Iterator[tuple[Server, int]]:
    """The camera as it is seen through nginx, and nginx's port for plain HTTP."""
    http, https = free_port(), free_port()
    main = configuration(server, folder, http, https)
    process = subprocess.Popen([PROGRAM, "-c", str(main), "-p", str(folder)], stderr=subprocess.PIPE, text=True)
    try:
        wait_for(process, host, https)
        yield replace(server, url=f"https://{host}:{https}"), http
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert "[emerg]" not in errors, errors


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def wait_for(process: subprocess.Popen[str], host: str, port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        try:
            socket.create_connection((host, port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
