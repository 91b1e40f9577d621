#!/usr/bin/env python3
"""A Debian trixie with its kernel and NetworkManager, as an image has it, and a way to run tests that boot it.

    python -m tests.wifi.root build               makes it (minutes, once), or finds that it is there
    python -m tests.wifi.root run -- COMMAND...    builds it if need be, then runs COMMAND with a copy of it

As in `tests/appliance/root.py`, the copy is an overlay in a mount and process namespace of its own. A container will not do
here: the kernel's virtual radios (mac80211_hwsim) belong to a machine, so the copy becomes the disk of one under QEMU.

PI_CAM_WIFI_ROOT   where it lives (default /var/cache/pi-cam/wifi)
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.appliance.root import AUTHORITIES, COPY, SOURCE, WHEELS, in_copy, put_source
from tests.camera import trixie_root

RECIPE = 2
"""Raise it when something below changes what is in the root."""

ROOT = Path(os.environ.get("PI_CAM_WIFI_ROOT", "/var/cache/pi-cam/wifi"))
HERE = Path(__file__).resolve().parents[2]
SUITE = "trixie"
SYSTEM = (
    *("systemd", "systemd-sysv", "dbus", "udev", "kmod", "procps", "iproute2", "sudo", "ca-certificates", "zstd"),
    *("linux-image-amd64", "initramfs-tools", "python3", "python3-venv"),
    *("network-manager", "wpasupplicant", "wireless-regdb", "dnsmasq-base", "polkitd"),
    *("nginx-light", "libportaudio2", "avahi-daemon"),
)
PEOPLE = ("hostapd", "busybox", "curl", "iw", "avahi-utils", "tcpdump")
"""The home and the phone are made of these."""

AT_BOOT = ("virtio_pci", "virtio_blk", "virtio_net", "ext4")
QUIET = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("man", "locale", "doc")]


def main(arguments: list[str]) -> int:
    """Runs the command line; the status is that of COMMAND."""
    if arguments[:1] in (["--build"], ["--run"]):
        return _build(Path(arguments[1])) if arguments[0] == "--build" else _run(arguments[1:])
    if arguments[:1] not in (["build"], ["run"]) or (arguments[0] == "run" and arguments[1:2] != ["--"]):
        sys.exit("usage: python -m tests.wifi.root build | run -- COMMAND...")
    if os.geteuid() != 0:
        sys.exit("This needs root (chroot and mounts): run it with sudo.")
    ROOT.parent.mkdir(parents=True, exist_ok=True)
    with ROOT.with_suffix(".lock").open("w") as lock:
        # Shared while in use: nobody makes the root anew under a run.
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not _is_ready():
            fcntl.flock(lock, fcntl.LOCK_EX)
            _make_ready()
            fcntl.flock(lock, fcntl.LOCK_SH)
        return _in_namespaces("--run", *arguments[2:]) if arguments[0] == "run" else 0


def _in_namespaces(*arguments: str) -> int:
    own = ["--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "--propagation", "private"]
    return subprocess.run(
        ["unshare", *own, sys.executable, "-m", "tests.wifi.root", *arguments], check=False, cwd=HERE
    ).returncode


def _is_ready() -> bool:
    stamp = ROOT / "pi-cam-recipe"
    return stamp.is_file() and stamp.read_text("ascii") == _stamp()


def _stamp() -> str:
    """Changes with this recipe and with what is required; with nothing else."""
    parts = [str(RECIPE), *SYSTEM, *PEOPLE, *AT_BOOT, *trixie_root._requirements()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _make_ready() -> None:
    if _is_ready():  # by now, by another
        return
    if not shutil.which("mmdebstrap"):
        sys.exit("The root is made by mmdebstrap: sudo apt install mmdebstrap")
    partial = ROOT.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    if _in_namespaces("--build", str(partial)):
        shutil.rmtree(partial, ignore_errors=True)
        sys.exit("The root could not be made: is this machine online? What failed is said above.")
    (partial / "pi-cam-recipe").write_text(_stamp(), "ascii")
    shutil.rmtree(ROOT, ignore_errors=True)
    partial.rename(ROOT)


def _build(root: Path) -> int:
    """Runs inside the namespaces, with the machine's network."""
    modules = "".join(f"{name}\\n" for name in AT_BOOT)
    at_boot = f'mkdir -p "$1/etc/initramfs-tools/conf.d" && printf "{modules}" >"$1/etc/initramfs-tools/modules"'
    small = 'printf "MODULES=list\\nCOMPRESS=zstd\\n" >"$1/etc/initramfs-tools/conf.d/small"'
    trixie_root._call(
        *("mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase", "--quiet"),
        *('--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-unsafe-io", *QUIET),
        *(f"--setup-hook={at_boot}", f"--setup-hook={small}", f"--include={','.join(SYSTEM + PEOPLE)}"),
        *(SUITE, str(root), f"deb {trixie_root._mirror()} {SUITE} main"),
    )
    for name in ("resolv.conf", "hosts"):
        (root / "etc" / name).unlink(missing_ok=True)
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    shutil.copy(os.environ.get("PIP_CERT") or "/etc/ssl/certs/ca-certificates.crt", f"{root}{AUTHORITIES}")
    trixie_root._call("mount", "-t", "proc", "proc", f"{root}/proc")
    trixie_root._call("mount", "--bind", "/dev", f"{root}/dev")
    put_source(root)
    lent = {"PIP_CERT": AUTHORITIES, "PIP_DEFAULT_TIMEOUT": "180", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for command in (
        "python3 -m venv /srv/build",
        f"/srv/build/bin/pip wheel --quiet --wheel-dir {WHEELS} setuptools wheel {SOURCE} && rm {WHEELS}/pi_cam-*",
        "rm -rf /srv/build",
        "systemctl disable --quiet nginx.service",
    ):
        done = in_copy(root, "sh", "-c", command, **lent)
        sys.stdout.write(done.stdout)
        if done.returncode:
            sys.exit(f"failed: {command}")
    shutil.rmtree(root / SOURCE.lstrip("/"))
    return 0


def _run(command: list[str]) -> int:
    """Runs inside the namespaces: COMMAND finds a copy that it may change."""
    scratch = ROOT.with_suffix(".copy")
    scratch.mkdir(exist_ok=True)
    trixie_root._call("mount", "-t", "tmpfs", "-o", "size=5g", "tmpfs", str(scratch))
    for name in ("upper", "work", "merged"):
        (scratch / name).mkdir()
    layers = f"lowerdir={ROOT},upperdir={scratch}/upper,workdir={scratch}/work"
    trixie_root._call("mount", "-t", "overlay", "overlay", "-o", layers, f"{scratch}/merged")
    return subprocess.run(command, check=False, env={**os.environ, COPY: f"{scratch}/merged"}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
