"""A machine of its own kernel, emulated by QEMU, on a disk made of a copy of the root."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DISK_BYTES = 3 * 1024**3
BOOT_SECONDS = 400.0
MORE_SECONDS = 30.0
"""For the way there and back."""

PROGRAM = "qemu-system-x86_64"


class Machine:
    """`run` does things in it as root."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._file = line.makefile("rwb")

    def attempt(self, command: str, seconds: float = 120.0) -> tuple[int, str]:
        """A line of shell: how it ended, and what it said."""
        self._line.settimeout(seconds + MORE_SECONDS)
        self._file.write(json.dumps({"command": command, "seconds": seconds}).encode() + b"\n")
        self._file.flush()
        answer = json.loads(self._file.readline())
        return int(answer["status"]), str(answer["said"])

    def run(self, command: str, seconds: float = 120.0) -> str:
        """The same, which must end well."""
        status, said = self.attempt(command, seconds)
        assert status == 0, f"{command}: {said}"
        return said.strip()

    def until(self, command: str, seconds: float = 60.0) -> str:
        """Again and again, until it ends well."""
        deadline = time.monotonic() + seconds
        while True:
            status, said = self.attempt(command)
            if status == 0:
                return said.strip()
            assert time.monotonic() < deadline, f"{command}: {said}\n{self.log()}"
            time.sleep(0.5)

    def log(self) -> str:
        """The end of its journal."""
        return self.attempt("journalctl --no-pager -n 80 -o short-monotonic")[1]


@contextmanager
def started(copy: Path, folder: Path, memory: int = 1024) -> Iterator[Machine]:
    """Until the end of the block."""
    disk, line = folder / "disk", folder / "line"
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    quiet = ["-q", "-F", "-O", "^has_journal", "-E", "lazy_itable_init=1"]
    subprocess.run(["mkfs.ext4", *quiet, "-d", str(copy), str(disk)], check=True)
    kernel, initrd = (next(copy.glob(f"boot/{name}-*")) for name in ("vmlinuz", "initrd.img"))
    command = [
        PROGRAM,
        *("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max", "-smp", "2", "-m", str(memory)),
        *("-nodefaults", "-display", "none", "-no-reboot"),
        *("-kernel", str(kernel), "-initrd", str(initrd)),
        *("-append", "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0"),
        *("-drive", f"file={disk},format=raw,if=virtio,cache=unsafe", "-device", "virtio-rng-pci"),
        *("-serial", f"file:{folder / 'console'}"),
        *("-chardev", f"socket,id=agent,path={line},server=on,wait=off"),
        *("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=agent"),
    ]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        with _connected(process, line) as connection:
            machine = Machine(connection)
            machine.attempt("true", BOOT_SECONDS)  # answered when the agent is there
            yield machine
    finally:
        process.kill()
        process.wait()
        disk.unlink()


def _connected(process: subprocess.Popen[bytes], path: Path) -> socket.socket:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
        except OSError:
            connection.close()
            time.sleep(0.1)
        else:
            return connection
    raise AssertionError(f"{PROGRAM} does not start")
