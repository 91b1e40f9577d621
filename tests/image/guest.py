"""An image that boots in a virtual machine, with its own firmware, from a copy of its own disk.

Nothing is put into the image for that: what runs the tests' scripts comes as systemd credentials, which the firmware hands
over, and speaks to us through a shared folder. `with booted(image, folder) as guest: guest.run("systemctl --failed")`.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

BOOT_SECONDS = 600.0
"""Of waiting: the machine is emulated, on a computer that may be busy."""

BOOT_OFFSET = 1 << 20
"""Of the boot partition on the card, in bytes."""

SHARE = "/srv/test"
"""Where the guest sees the shared folder."""

UNIT = f"""
[Unit]
Description=What the tests ask for
DefaultDependencies=no
After=basic.target
[Service]
Type=exec
ExecStartPre=/bin/mkdir -p {SHARE}
ExecStartPre=-/bin/mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 test {SHARE}
ExecStart=/bin/sh {SHARE}/serve
Restart=on-failure
"""

SERVE = f"""
cd {SHARE}
while :; do
    for job in *.job; do
        [ -e "$job" ] || continue
        name=${{job%.job}}
        mv "$job" "$name.sh"
        (
            cd /
            sh "{SHARE}/$name.sh" >"{SHARE}/$name.out" 2>&1 </dev/null
            echo $? >"{SHARE}/$name.new"
            mv "{SHARE}/$name.new" "{SHARE}/$name.code"
        ) &
    done
    sleep 0.3
done
"""

WITH_IT = "[Unit]\nWants=tests.service\n"


class Said(NamedTuple):
    """What a script said, both streams, and its exit status."""

    output: str
    code: int


@dataclass(frozen=True)
class Board:
    """A machine that QEMU makes."""

    program: str
    firmware: str
    variables: str
    options: tuple[str, ...]


BOARDS = {
    "pc-amd64": Board(
        "qemu-system-x86_64",
        "/usr/share/OVMF/OVMF_CODE_4M.fd",
        "/usr/share/OVMF/OVMF_VARS_4M.fd",
        ("-machine", "q35", "-cpu", "max", "-device", "i6300esb"),
    ),
    "virt-arm64": Board(
        "qemu-system-aarch64",
        "/usr/share/AAVMF/AAVMF_CODE.fd",
        "/usr/share/AAVMF/AAVMF_VARS.fd",
        ("-machine", "virt", "-cpu", "cortex-a72", "-device", "i6300esb"),
    ),
}


@dataclass
class Guest:
    """`folder` holds its disk and what it says (`console`); `share` is seen in it as `/srv/test`.

    `devices`: more words for QEMU. `units`: more systemd units, by name, which `tests.service` wants. Forwarded to
    127.0.0.1: `https` and `http`. Nothing else reaches it, and it reaches nothing.
    """

    image: Path
    folder: Path
    target: str = "pc-amd64"
    devices: Sequence[str] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    disk_bytes: int = 4 << 30
    memory_megabytes: int = 1024
    written: bytes | None = None
    """What Raspberry Pi Imager leaves on the boot partition, as `rpi-preseed.toml`."""
    _process: subprocess.Popen[bytes] | None = None
    _count: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.share.mkdir(exist_ok=True)
        (self.share / "serve").write_text(SERVE, "utf-8")
        self.https, self.http = _free_ports(2)

    @property
    def share(self) -> Path:
        """The folder that both see."""
        return self.folder / "share"

    @property
    def disk(self) -> Path:
        """The whole card, as it is now. To be changed while the machine is off."""
        return self.folder / "disk.img"

    @property
    def console(self) -> str:
        """All that the machine said since its first start."""
        path = self.folder / "console"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    @property
    def url(self) -> str:
        """Of the camera's page."""
        return f"https://127.0.0.1:{self.https}"

    def start(self) -> None:
        """Turns it on. The disk is made from the image the first time, and kept from then on."""
        board = BOARDS[self.target]
        if not self.disk.exists():
            self.insert_card()
        for stale in self.share.glob("*.job"):
            stale.unlink()
        variables = self.folder / "variables.fd"
        if not variables.exists():
            shutil.copyfile(board.variables, variables)
        forwarded = f"hostfwd=tcp:127.0.0.1:{self.https}-:443,hostfwd=tcp:127.0.0.1:{self.http}-:80"
        command = [
            board.program,
            *("-accel", "tcg,thread=multi,tb-size=512", "-smp", "2", "-m", str(self.memory_megabytes)),
            *board.options,
            *("-nodefaults", "-display", "none", "-no-reboot", "-serial", f"file:{self.folder / 'console.now'}"),
            *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={board.firmware}"),
            *("-drive", f"if=pflash,format=raw,unit=1,file={variables}"),
            # Raw: of what the guest has written, nothing waits in this process when it is killed.
            *("-drive", f"if=none,id=card,format=raw,cache=unsafe,file={self.disk}"),
            *("-device", "virtio-blk-pci,drive=card,bootindex=0", "-device", "virtio-rng-pci"),
            *("-netdev", f"user,id=lan,restrict=on,{forwarded}", "-device", "virtio-net-pci,netdev=lan,romfile="),
            *("-virtfs", f"local,path={self.share},mount_tag=test,security_model=none"),
            *self._credentials(),
            *self.devices,
        ]
        self._keep_console()
        log = (self.folder / "qemu.log").open("ab")
        with log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def insert_card(self) -> None:
        """A freshly flashed card, larger than the image."""
        subprocess.run(["cp", "--sparse=always", str(self.image), str(self.disk)], check=True)
        os.truncate(self.disk, self.disk_bytes)
        if self.written is not None:
            command = ["mcopy", "-i", f"{self.disk}@@{BOOT_OFFSET}", "-", "::/rpi-preseed.toml"]
            subprocess.run(command, input=self.written, check=True)

    def run(self, script: str, seconds: float = 120.0) -> Said:
        """Runs a script of sh as root, from `/`. While the machine still boots, it waits; then `seconds` count."""
        self._count += 1
        name = f"{time.time_ns()}-{self._count}"
        new = self.share / f"{name}.new"
        new.write_text(script + "\n", "utf-8")
        new.rename(self.share / f"{name}.job")
        taken = self.share / f"{name}.sh"
        self._wait(taken.exists, BOOT_SECONDS, "it does not take what it is to run")
        self._wait((self.share / f"{name}.code").exists, seconds, script)
        output = (self.share / f"{name}.out").read_text("utf-8", "replace")
        return Said(output.strip(), int((self.share / f"{name}.code").read_text("ascii")))

    def must(self, script: str, seconds: float = 120.0) -> str:
        """The same, which has to end well; what it said."""
        said = self.run(script, seconds)
        assert said.code == 0, f"{script}: {said.output}"
        return said.output

    def until(self, script: str, seconds: float = 60.0) -> str:
        """Again and again in the guest, until it ends well."""
        tries = max(1, int(seconds * 2))
        patient = f"n=0; until ( {script}\n ); do n=$((n + 1)); [ $n -lt {tries} ] || exit 1; sleep 0.5; done"
        return self.must(patient, 3 * seconds + 60)

    def cpu_seconds(self) -> float:
        """What this machine has cost since it was turned on, user and system."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_on(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def shut_down(self, seconds: float = 120.0) -> None:
        """As a person does it properly."""
        assert self._process is not None
        (self.share / "off.job").write_text("systemctl poweroff\n", "ascii")
        self._process.wait(seconds)

    def cut(self) -> None:
        """Takes the supply away, at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def _keep_console(self) -> None:
        now = self.folder / "console.now"
        if now.exists():
            with (self.folder / "console").open("ab") as whole:
                whole.write(now.read_bytes())

    def _credentials(self) -> Iterator[str]:
        wanted = "".join(f"Wants={name}\n" for name in self.units)
        given = {
            "systemd.extra-unit.tests.service": UNIT,
            "systemd.unit-dropin.multi-user.target": WITH_IT + wanted,
            **{f"systemd.extra-unit.{name}": text for name, text in self.units.items()},
        }
        for name, text in given.items():
            packed = base64.b64encode(text.encode()).decode()
            yield "-smbios"
            yield f"type=11,value=io.systemd.credential.binary:{name}={packed}"

    def _wait(self, done: object, seconds: float, what: str) -> None:
        assert callable(done)
        deadline = time.monotonic() + seconds
        while not done():
            assert self.is_on(), f"{what}: the machine is off.\n{self._end()}"
            assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s.\n{self._end()}"
            time.sleep(0.1)

    def _end(self) -> str:
        now = self.folder / "console.now"
        said = now.read_text("utf-8", "replace")[-3000:] if now.exists() else ""
        return said + (self.folder / "qemu.log").read_text("utf-8", "replace")[-1000:]


@contextmanager
def booted(image: Path, folder: Path, **options: object) -> Iterator[Guest]:
    """Until the end of the block; then its supply is cut. `options`: those of `Guest`."""
    guest = Guest(image, folder, **options)  # type: ignore[arg-type]
    guest.start()
    try:
        yield guest
    finally:
        guest.cut()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
