"""The portal as `deploy/portal` sets it up: gunicorn by its unit behind nginx, and uWSGI of a shared host."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import site
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import nginx
from tests.portal.certificate import self_signed
from tests.portal.post_office import free_port
from tests.portal.remote import NAME
from tests.portal.served import wait_for
from tests.prerequisites import require

HERE = Path(__file__).parents[2]
FILES = HERE / "deploy/portal"
UNIT = FILES / "camera-portal.service"
UWSGI = shutil.which("uwsgi") or shutil.which("uwsgi-core")
SYSTEM_PYTHON = "/usr/bin/python3"
START_SECONDS = 30.0

NO_WRITING_OF_CODE = """
import ctypes, os, sys
PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 38, 65
if ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
    sys.exit("no_new_privs")
ctypes.CDLL(None).prctl(PR_SET_MDWE, 1, 0, 0, 0)  # MemoryDenyWriteExecute= of the unit, where the kernel has it
os.execv(sys.argv[1], sys.argv[1:])
"""


def directives(unit: Path = UNIT) -> dict[str, list[str]]:
    """What a unit says, by name."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@dataclass(frozen=True)
class Gunicorn:
    """As it runs: where it listens, and its first process."""

    socket: Path
    pid: int

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("ascii")
        return [int(pid) for pid in children.split()]


@contextmanager
def gunicorn(folder: Path, environment: Mapping[str, str], workers: int = 2) -> Iterator[Gunicorn]:
    """By the unit's own command line."""
    path, log = folder / "socket", folder / "gunicorn.log"
    program, *arguments = shlex.split(directives()["ExecStart"][0])
    assert program.endswith("/bin/gunicorn")
    arguments = [one.replace("/run/camera-portal/socket", str(path)) for one in arguments]
    assert f"unix:{path}" in arguments
    arguments[arguments.index("--workers") + 1] = str(workers)
    command = [sys.executable, "-c", NO_WRITING_OF_CODE, sys.executable, "-m", "gunicorn", *arguments]
    with log.open("ab") as file:
        process = subprocess.Popen(command, cwd=HERE, env=_own(environment), stdout=file, stderr=file)
    try:
        _wait_for_socket(path, process, log)
        yield Gunicorn(path, process.pid)
    finally:
        process.terminate()
        process.wait(20)


@dataclass
class Front:
    """nginx as it runs. `certificate`: its own, which is to be trusted. `logs`: the folder of what it writes."""

    https: int
    http: int
    certificate: str
    logs: Path

    def written(self) -> str:
        return "".join(path.read_text("utf-8") for path in self.logs.iterdir())


@contextmanager
def nginx_in_front(folder: Path, path: Path, name: str = NAME) -> Iterator[Front]:
    """The project's own file, with nothing changed but names, ports and folders."""
    front = Front(free_port(), free_port(), str(self_signed(folder, name)), folder / "log")
    front.logs.mkdir()
    conf = (FILES / "nginx.conf").read_text("utf-8")
    for written, meant in (
        ("@NAME@", name),
        ("/run/camera-portal/socket", str(path)),
        ("/etc/camera-portal/tls/fullchain.pem", front.certificate),
        ("/etc/camera-portal/tls/privkey.pem", front.certificate),
        ("/var/log/nginx", str(front.logs)),
        ("/var/lib/camera-portal-acme", str(folder / "acme")),
        ("listen 443", f"listen {front.https}"),
        ("listen [::]:443", f"listen [::]:{front.https}"),
        ("listen 80", f"listen {front.http}"),
        ("listen [::]:80", f"listen [::]:{front.http}"),
    ):
        assert written in conf
        conf = conf.replace(written, meant)
    (folder / "portal.conf").write_text(conf, "utf-8")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.getuid() == 0 else ""
    # Around it, what Debian's nginx.conf has: gzip among them.
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/main.log; worker_processes 1;\n"
        f"events {{ worker_connections 768; }}\nhttp {{ gzip on; {temporary} include {folder}/portal.conf; }}\n"
    )
    process = subprocess.Popen(
        [nginx.PROGRAM, "-c", f"{folder}/nginx.conf", "-p", str(folder)], stderr=subprocess.PIPE, text=True
    )
    try:
        nginx.wait_for(process, "127.0.0.1", front.https)
        yield front
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert "[emerg]" not in errors, errors


@contextmanager
def uwsgi(folder: Path, environment: Mapping[str, str]) -> Iterator[int]:
    """Debian's program, with Debian's Python; its port for plain HTTP, on this machine."""
    port, log = free_port(), folder / "uwsgi.log"
    with log.open("ab") as file:
        process = subprocess.Popen(uwsgi_command(folder, port), env=_own(environment, folder), stdout=file, stderr=file)
    try:
        wait_for(port, process, log)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def uwsgi_command(folder: Path, port: int) -> list[str]:
    """With a virtual environment of the kind that uWSGI's Python takes, in which the packages of this one are seen."""
    assert UWSGI
    if not (folder / "venv").exists():
        subprocess.run([SYSTEM_PYTHON, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
        packages = next((folder / "venv/lib").glob("python3.*/site-packages"))
        (packages / "these.pth").write_text("\n".join([str(HERE), *site.getsitepackages()]) + "\n")
    return [UWSGI, "--ini", str(FILES / "uwsgi.ini"), "--http-socket", f"127.0.0.1:{port}"]


def require_uwsgi() -> None:
    """And that packages of this environment can be used by the system's Python."""
    require("uWSGI (apt install uwsgi-core uwsgi-plugin-python3)", UWSGI is not None)
    asked = [SYSTEM_PYTHON, "-c", "import sys; print(*sys.version_info[:2])"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    same = done.stdout.split() == [str(part) for part in sys.version_info[:2]]
    require("a system's Python of the same version", same)


def _own(environment: Mapping[str, str], folder: Path | None = None) -> dict[str, str]:
    venv = {"PORTAL_VENV": str(folder / "venv")} if folder else {}
    return {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **venv, **environment}


def _wait_for_socket(path: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as probe:  # which is there before somebody answers
                probe.settimeout(START_SECONDS)
                probe.connect(str(path))
                probe.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                assert probe.recv(1)
        except OSError:
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
            time.sleep(0.05)
        else:
            return
