"""A Debian that runs: systemd in a container, in the tests' own network."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.appliance.root import PATH

BOOT_SECONDS = 60.0


class Guest:
    """`run` does things in it as root."""

    def __init__(self, leader: int, console: Path) -> None:
        self._leader = leader
        self._console = console

    def attempt(self, command: str, seconds: float = 120.0, **variables: str) -> subprocess.CompletedProcess[str]:
        """A line of shell; what it says, and how it ended."""
        entry = ["nsenter", f"--target={self._leader}", "--mount", "--uts", "--ipc", "--pid", "--"]
        environment = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **variables}
        return subprocess.run(
            [*entry, "sh", "-c", f"cd /; {command}"],
            env=environment,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
        )

    def run(self, command: str, seconds: float = 120.0, **variables: str) -> str:
        """The same, which must end well."""
        done = self.attempt(command, seconds, **variables)
        assert done.returncode == 0, f"{command}: {done.stdout}"
        return done.stdout.strip()

    def until(self, command: str, seconds: float = 30.0) -> str:
        """Again and again, until it ends well."""
        deadline = time.monotonic() + seconds
        while True:
            done = self.attempt(command)
            if done.returncode == 0:
                return done.stdout.strip()
            assert time.monotonic() < deadline, f"{command}: {done.stdout}\n{self.log()}"
            time.sleep(0.2)

    def log(self) -> str:
        """The end of its journal."""
        return self.attempt("journalctl --no-pager -n 60 -o short").stdout


@contextmanager
def booted(copy: Path, console: Path, *words: str) -> Iterator[Guest]:
    """Until the end of the block; then it is shut down as by its power button. `words`: more, for its command line."""
    process = turn_on(copy, console, *words)
    try:
        guest = Guest(leader(process, console), console)
        guest.until("systemctl is-system-running --wait | grep -E 'running|degraded'", BOOT_SECONDS)
        yield guest
    finally:
        process.terminate()  # systemd-nspawn passes it on as SIGRTMIN+4: power off
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def turn_on(copy: Path, console: Path, *words: str) -> subprocess.Popen[bytes]:
    """Its supply is there; whether anything comes of that is to be seen."""
    command = [
        "systemd-nspawn",
        "--quiet",
        f"--directory={copy}",
        "--register=no",
        "--keep-unit",
        "--console=pipe",
        # As on a machine of its own: systemd there filters what units may reach (IPAddressDeny=).
        "--capability=CAP_BPF,CAP_NET_ADMIN",
        "--system-call-filter=bpf",
        "--boot",
        *words,
    ]
    with console.open("w") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)


def leader(process: subprocess.Popen[bytes], console: Path) -> int:
    """The process number of its systemd, as it is here."""
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for children in Path(f"/proc/{process.pid}/task").glob("*/children"):
            for child in children.read_text().split():
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        time.sleep(0.1)
    raise AssertionError(f"it does not boot: {console.read_text()}")
