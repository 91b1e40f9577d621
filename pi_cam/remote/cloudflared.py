"""The program cloudflared, the one that this package runs beside itself: its configuration, its start and its end. Facts
about it are those of release 2026.8.2."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import logging
import os
import re
import signal
import socket
import string
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pi_cam import durable
from pi_cam.errors import MissingPart, SettingError, StoreError
from pi_cam.remote import confinement, leash
from pi_cam.remote.cloudflared_log import Said, Sieve, read
from pi_cam.remote.tunnel_plan import Plan

log = logging.getLogger(__name__)

TEMPLATE = Path(__file__).with_name("cloudflared.yml")
CONFIGURATION = "cloudflared.yml"
LOOPBACK = "127.0.0.1"
HEAD = "# Written anew at each start of the tunnel: what is changed here is lost."
RULES = "ingress:\n"
UNUSED_KEYS = re.compile(r"(?i)unused keys?")
METRICS = re.compile(rf'^metrics: "{re.escape(LOOPBACK)}:(\d+)"$', re.MULTILINE)
ANSWER_SECONDS = 20.0
"""For a command that only looks at something; a Raspberry Pi Zero takes some seconds to load the program."""

READY_SECONDS = 0.5
KILLED_SECONDS = 1.0
LARGEST_ANSWER = 4096
LONGEST_LINE = 8192
KEPT_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def configuration(plan: Plan, metrics_port: int) -> str:
    """The text of the file. Raises `SettingError` for a value that cannot stand in one line of it."""
    template = TEMPLATE.read_text("utf-8")
    if plan.way == "quick":
        template = template.partition(RULES)[0]
    values = {
        "tunnel": plan.tunnel,
        "credentials": str(plan.secret_file) if plan.way == "named" else "",
        "metrics": f"{LOOPBACK}:{metrics_port}",
        "hostname": plan.host,
        "service": f"http://{LOOPBACK}:{plan.port}",
    }
    lines = []
    for line in template.splitlines():
        names = string.Template(line).get_identifiers() if not line.startswith("#") else []
        if all(values[name] for name in names):
            lines.append(string.Template(line).substitute({n: _quoted(values[n]) for n in names}) if names else line)
    return "\n".join([HEAD, *(line for line in lines if not line.startswith("#"))]) + "\n"


def _quoted(value: str) -> str:
    """A double-quoted scalar: JSON's are YAML's (YAML 1.2, section 10.2), and hold no line end."""
    if not value.isprintable():
        raise SettingError("A value of the tunnel's configuration has a sign in it that cannot stand there.")
    return json.dumps(value, ensure_ascii=False)


def write_configuration(plan: Plan, folder: Path, metrics_port: int) -> Path:
    """Its path in `folder`, which is made. Raises `StoreError`, `SettingError`."""
    path = folder / CONFIGURATION
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        durable.replace(path, configuration(plan, metrics_port).encode())
    except OSError as error:
        raise StoreError(f"The tunnel's configuration cannot be written: {error.strerror}.") from error
    return path


def validate(plan: Plan, path: Path) -> None:
    """Has cloudflared look at it. Raises `SettingError`; a key that it does not know, of which it only warns, is an error
    here: what was meant would not hold. A quick tunnel has no rules to look at."""
    if plan.way == "quick":
        return
    status, said = _ask(plan, "tunnel", "--config", str(path), "ingress", "validate")
    if UNUSED_KEYS.search(said):
        raise SettingError("cloudflared does not know a part of its configuration: it may be too old or too new.")
    if status != 0:
        raise SettingError("cloudflared refuses its configuration; the log says more.")


def version(plan: Plan) -> str:
    """Such as 2026.8.2. Raises `MissingPart` where it is another program, or none that can run here."""
    status, said = _ask(plan, "--version")
    found = re.search(r"cloudflared version (\d[\w.+-]{0,40})", said)
    if status != 0 or found is None:
        raise MissingPart(f"{plan.program} is not a program that can be started.")
    return found[1]


def _ask(plan: Plan, *arguments: str) -> tuple[int, str]:
    """Exit status and all it said. Raises `MissingPart`, and `OSError` where no process can be started."""
    try:
        done = subprocess.run(
            _leashed(plan, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(Path("/")),
            cwd="/",
            timeout=ANSWER_SECONDS,
            process_group=0,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        log.warning("cloudflared does not answer", extra={"asked": " ".join(arguments)})
        raise MissingPart(f"{plan.program} does not answer.") from error
    if done.returncode == leash.CANNOT_START:
        raise MissingPart(f"{plan.program} is not a program that can be started.")
    said = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        log.warning("cloudflared says no", extra={"said": said.strip()[-500:]})
    return done.returncode, said


def free_port() -> int:
    """One of loopback that nobody has now."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def connections(metrics_port: int) -> int | None:
    """How many a running one has to Cloudflare, by its `/ready`; None when nothing of the kind answers."""
    asked = http.client.HTTPConnection(LOOPBACK, metrics_port, timeout=READY_SECONDS)
    try:
        asked.request("GET", "/ready")
        answer = json.loads(asked.getresponse().read(LARGEST_ANSWER))
        count = answer["readyConnections"]
        return count if type(count) is int and count >= 0 else None
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, RecursionError):
        return None
    finally:
        asked.close()


def written_metrics_port(folder: Path) -> int | None:
    """Of the last one that was started with its files in `folder`."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        found = METRICS.search((folder / CONFIGURATION).read_text("utf-8"))
        return int(found[1]) if found else None
    return None


class Cloudflared:
    """A running one. It dies with the thread that made it."""

    def __init__(self, plan: Plan, ended: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Writes the configuration, has it looked at, and starts. `ended` is called from another thread when it ends. Raises
        `SettingError`, `StoreError`, `MissingPart`, `OSError`."""
        self._metrics_port = free_port()
        path = write_configuration(plan, plan.folder, self._metrics_port)
        validate(plan, path)
        self._plan = plan
        self._ended = ended
        self._sieve = Sieve(log, clock)
        self.host = plan.host
        self.cause: str | None = None
        self._process = subprocess.Popen(
            _leashed(plan, *_run(plan, path)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(plan.folder),
            cwd=plan.folder,
            process_group=0,
        )
        self._reader = threading.Thread(target=self._listen, name="tunnel-log", daemon=True)
        try:
            self._reader.start()
        except RuntimeError as error:  # no more threads
            self._process.kill()
            self._process.communicate()
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error

    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.poll()

    def connections(self) -> int | None:
        """As the function of that name."""
        return connections(self._metrics_port)

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds, to it and whatever it started. Does nothing twice."""
        for word, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, KILLED_SECONDS)):
            if self._process.poll() is None:
                with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(self._process.pid, word)
                    self._process.wait(seconds)
        self._reader.join(KILLED_SECONDS)

    def _listen(self) -> None:
        """In a thread of its own: a full pipe would hold the program up."""
        assert self._process.stdout is not None  # noqa: S101 - for mypy: it was opened with a pipe
        with self._process.stdout as pipe:
            begins = True
            while line := pipe.readline(LONGEST_LINE):
                if begins:  # what a stranger put into a long line could look like another
                    self._take(read(line.decode("utf-8", "replace"), self._plan.secrets))
                begins = line.endswith(b"\n")
        self._ended()

    def _take(self, said: Said) -> None:
        if said.host and not self.host:
            self.host = said.host
        if said.cause:
            self.cause = said.cause
        self._sieve.pass_on(said)


def _run(plan: Plan, path: Path) -> Sequence[str]:
    """The words after the program's name. The secret itself is never among them."""
    begin = ("tunnel", "--config", str(path))
    if plan.way == "quick":
        return (*begin, "--url", f"http://{LOOPBACK}:{plan.port}")
    if plan.way == "token":
        return (*begin, "run", "--token-file", str(plan.secret_file))
    return (*begin, "run")


def _leashed(plan: Plan, *arguments: str) -> list[str]:
    """The command that starts the program: as a child here, or, where there is a unit with fewer rights, in that."""
    alone = (sys.executable, "-I", "-S")
    inside = (*alone, confinement.__file__, "outside", plan.socket) if plan.socket else ()
    return [*alone, leash.__file__, str(os.getpid()), *inside, plan.program, *arguments]


def _environment(home: Path) -> dict[str, str]:
    """Nothing of ours but where certificates are: a variable of the operator would be an option of cloudflared's
    (`TUNNEL_…`), and in their home it would find a configuration that is not meant."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", **kept}
