#!/usr/bin/python3
"""Stands in for systemctl in a Debian root where no systemd runs: starts what the units say. The standard library only.

Of a unit it heeds what decides whether the program can work at all: user, settings, folders, mode of files, command, and the
word by which it says that it is ready. MariaDB and nginx, whose units are Debian's, it starts as their packages describe.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

UNITS = (Path("/etc/systemd/system"), Path("/lib/systemd/system"))
STATE = Path("/run/systemctl-double")
DEBIANS = {
    "mariadb.service": {
        "start": "install -d -o mysql -g mysql /run/mysqld && exec mariadbd --user=mysql",
        "stop": "mariadb-admin shutdown",
    },
    "nginx.service": {"start": "exec nginx -g 'daemon off;'", "stop": "nginx -s quit", "reload": "nginx -s reload"},
}
SECONDS = 30


def main(arguments: list[str]) -> int:
    """0 when it was done; what fails ends the guide."""
    words = [word for word in arguments if not word.startswith("-")]
    verb, units = words[0], words[1:]
    STATE.mkdir(mode=0o755, exist_ok=True)
    if verb == "daemon-reload":
        return 0
    for unit in units:
        path = find(unit)
        if (verb == "enable" and "--now" not in arguments) or unit.endswith(".timer"):
            continue
        if verb in ("stop", "restart"):
            stop(unit)
        if verb in ("enable", "start", "restart"):
            start(unit, path)
        if verb == "reload":
            subprocess.run(["sh", "-c", DEBIANS[unit]["reload"]], check=True)
    return 0


def find(unit: str) -> Path:
    """Its file. Raises `SystemExit`."""
    for folder in UNITS:
        if (folder / unit).exists():
            return folder / unit
    sys.exit(f"Failed: Unit {unit} not found.")


def start(unit: str, path: Path) -> None:
    """In the background, unless it is a task that ends."""
    if running(unit):
        return
    if unit in DEBIANS:
        run(unit, ["sh", "-c", DEBIANS[unit]["start"]], dict(os.environ), notifies=unit == "mariadb.service")
        return
    said: dict[str, str] = {}
    for line in path.read_text().splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            said[name] = value
    user = said.get("User")
    if "RuntimeDirectory" in said:
        folder = Path("/run", said["RuntimeDirectory"])
        folder.mkdir(exist_ok=True)
        subprocess.run(["chown", f"{user}:{said['Group']}", folder], check=True)
        folder.chmod(int(said["RuntimeDirectoryMode"], 8))
    settings = {}
    if "EnvironmentFile" in said:
        lines = Path(said["EnvironmentFile"]).read_text().splitlines()
        settings = dict(shlex.split(line)[0].split("=", 1) for line in lines if line.strip())
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **settings}
    options: dict[str, object] = {"cwd": said.get("WorkingDirectory", "/"), "umask": int(said.get("UMask", "0022"), 8)}
    if user:
        options |= {"user": user, "group": said["Group"], "extra_groups": []}
    command = shlex.split(said["ExecStart"])
    if said.get("Type") == "oneshot":
        subprocess.run(command, check=True, env=environment, **options)  # type: ignore[call-overload]
    else:
        run(unit, command, environment, notifies=said.get("Type") == "notify", **options)


def run(unit: str, command: list[str], environment: dict[str, str], *, notifies: bool, **options: object) -> None:
    """Until it is told to stop; its words go into a file beside. Returns when it says that it is ready (sd_notify(3))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, (STATE / f"{unit}.log").open("ab") as log:
        path = STATE / f"{unit}.ready"
        path.unlink(missing_ok=True)
        ready.bind(str(path))
        path.chmod(0o777)
        ready.settimeout(1)
        process = subprocess.Popen(  # type: ignore[call-overload]
            command,
            env=environment | ({"NOTIFY_SOCKET": str(path)} if notifies else {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **options,
        )
        (STATE / f"{unit}.pid").write_text(str(process.pid))
        said, deadline = b"", time.monotonic() + (SECONDS if notifies else 2)
        while b"READY=1" not in said and process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                said = ready.recv(4096)
        if process.poll() is not None or (notifies and b"READY=1" not in said):
            sys.exit(f"Job for {unit} failed: {(STATE / f'{unit}.log').read_text()[-1000:]}")


def stop(unit: str) -> None:
    """And waits for its end."""
    if not running(unit):
        return
    pid = int((STATE / f"{unit}.pid").read_text())
    if unit in DEBIANS:
        subprocess.run(["sh", "-c", DEBIANS[unit]["stop"]], check=True)
    else:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + SECONDS
    while running(unit):
        if time.monotonic() > deadline:
            sys.exit(f"{unit} does not end")
        time.sleep(0.1)


def running(unit: str) -> bool:
    """Whether its first process is there."""
    try:
        pid = int((STATE / f"{unit}.pid").read_text())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return False
    return state != "Z"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
