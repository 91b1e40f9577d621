#!/usr/bin/env python3
"""A Debian 12 as somebody has it who wants the camera on it, and a way to run the tests that need one.

    python -m tests.appliance.root build               makes it (minutes, once), or finds that it is there
    python -m tests.appliance.root run -- COMMAND...    builds it if need be, then runs COMMAND with a copy of it

Making it has `deploy/install.sh` fetch what it needs and take itself away again, so that the tests can do without a network.
The copy is an overlay in a mount and process namespace of its own: when this program ends, nothing of it is left.

PI_CAM_DEBIAN_ROOT   where it lives (default /var/cache/pi-cam/debian)
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.camera import trixie_root

RECIPE = 1
"""Raise it when something below changes what is in the root."""

ROOT = Path(os.environ.get("PI_CAM_DEBIAN_ROOT", "/var/cache/pi-cam/debian"))
HERE = Path(__file__).resolve().parents[2]
SUITE = "bookworm"
ON_ANY_DEBIAN = ("systemd", "systemd-sysv", "dbus", "ca-certificates", "procps", "iproute2", "sudo", "python3")
LOOKERS = ("avahi-utils",)
"""With which the tests look at what it does."""

SOURCE, WHEELS, AUTHORITIES = "/srv/source", "/srv/wheels", "/srv/authorities.crt"
COPY = "PI_CAM_COPY"
"""The variable that tells COMMAND where its copy is."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main(arguments: list[str]) -> int:
    """Runs the command line; the status is that of COMMAND."""
    if arguments[:1] in (["--build"], ["--run"]):
        return _build(Path(arguments[1])) if arguments[0] == "--build" else _run(arguments[1:])
    if arguments[:1] not in (["build"], ["run"]) or (arguments[0] == "run" and arguments[1:2] != ["--"]):
        sys.exit("usage: python -m tests.appliance.root build | run -- COMMAND...")
    if os.geteuid() != 0:
        sys.exit("This needs root (chroot, mounts and systemd-nspawn): run it with sudo.")
    ROOT.parent.mkdir(parents=True, exist_ok=True)
    with ROOT.with_suffix(".lock").open("w") as lock:
        # Shared while in use: nobody makes the root anew under a run.
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not _is_ready():
            fcntl.flock(lock, fcntl.LOCK_EX)
            _make_ready()
            fcntl.flock(lock, fcntl.LOCK_SH)
        return _in_namespaces("--run", *arguments[2:]) if arguments[0] == "run" else 0


def in_copy(copy: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in a root that does not run; what it says is in the answer."""
    environment = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **variables}
    entry = ["chroot", str(copy), *command]
    return subprocess.run(
        entry, env=environment, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def put_source(copy: Path) -> None:
    """The files of this checkout that git knows, or would."""
    listed = ["git", "-C", str(HERE), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, check=True, capture_output=True).stdout
    target = copy / SOURCE.lstrip("/")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    packed = ["tar", "--directory", str(HERE), "--null", "--files-from=-", "--create"]
    archive = subprocess.run(packed, input=names, check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "--directory", str(target), "--extract"], input=archive, check=True)


def _in_namespaces(*arguments: str) -> int:
    own = ["--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "--propagation", "private"]
    command = ["unshare", *own, sys.executable, "-m", "tests.appliance.root", *arguments]
    return subprocess.run(command, check=False, cwd=HERE).returncode


def _is_ready() -> bool:
    stamp = ROOT / "pi-cam-recipe"
    return stamp.is_file() and stamp.read_text("ascii") == _stamp()


def _stamp() -> str:
    """Changes with this recipe, with what is required, and with what is done to Debian; with nothing else."""
    parts = [
        str(RECIPE),
        *ON_ANY_DEBIAN,
        *LOOKERS,
        *trixie_root._requirements(),
        (HERE / "deploy/install.sh").read_text("utf-8"),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _make_ready() -> None:
    if _is_ready():  # by now, by another
        return
    partial = ROOT.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    if _in_namespaces("--build", str(partial)):
        shutil.rmtree(partial, ignore_errors=True)
        sys.exit("The Debian root could not be made: is this machine online? What failed is said above.")
    (partial / "pi-cam-recipe").write_text(_stamp(), "ascii")
    shutil.rmtree(ROOT, ignore_errors=True)
    partial.rename(ROOT)


def _build(root: Path) -> int:
    """Runs inside the namespaces, with the machine's network."""
    included = f"--include={','.join(ON_ANY_DEBIAN + LOOKERS)}"
    trixie_root._call("debootstrap", "--variant=minbase", included, SUITE, str(root), trixie_root._mirror())
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    shutil.copy(os.environ.get("PIP_CERT") or "/etc/ssl/certs/ca-certificates.crt", f"{root}{AUTHORITIES}")
    trixie_root._call("mount", "-t", "proc", "proc", f"{root}/proc")
    trixie_root._call("mount", "--bind", "/dev", f"{root}/dev")
    # In a root that does not run, installing must start nothing.
    no_start = root / "usr/sbin/policy-rc.d"
    no_start.write_text("#!/bin/sh\nexit 101\n", "ascii")
    no_start.chmod(0o755)
    put_source(root)
    lent = {"PIP_CERT": AUTHORITIES, "PIP_DEFAULT_TIMEOUT": "180", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for command in (
        f"{SOURCE}/deploy/install.sh --no-start",
        f"/opt/pi-cam/current/bin/pip wheel --quiet --wheel-dir {WHEELS} setuptools wheel {SOURCE} && rm {WHEELS}/pi_cam-*",
        f"{SOURCE}/deploy/install.sh --uninstall --purge",
        "test ! -e /opt/pi-cam && test ! -e /etc/pi-cam && ! id pi-cam 2>/dev/null",
        "apt-get clean",
    ):
        done = in_copy(root, "sh", "-c", command, **lent)
        sys.stdout.write(done.stdout)
        if done.returncode:
            sys.exit(f"failed: {command}")
    no_start.unlink()
    shutil.rmtree(root / SOURCE.lstrip("/"))
    return 0


def _run(command: list[str]) -> int:
    """Runs inside the namespaces: COMMAND finds a copy that it may change."""
    scratch = ROOT.with_suffix(".copy")
    scratch.mkdir(exist_ok=True)
    trixie_root._call("mount", "-t", "tmpfs", "-o", "size=3g", "tmpfs", str(scratch))
    for name in ("upper", "work", "merged"):
        (scratch / name).mkdir()
    layers = f"lowerdir={ROOT},upperdir={scratch}/upper,workdir={scratch}/work"
    trixie_root._call("mount", "-t", "overlay", "overlay", "-o", layers, f"{scratch}/merged")
    # systemd in the guest wants the one hierarchy, whatever this machine has.
    subprocess.run(["umount", "--recursive", "/sys/fs/cgroup"], check=False, capture_output=True)
    trixie_root._call("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
    return subprocess.run(command, check=False, env={**os.environ, COPY: f"{scratch}/merged"}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
