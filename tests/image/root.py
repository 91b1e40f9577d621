#!/usr/bin/env python3
"""The image, built once for what it is made of, and a way to run the tests that look into it or boot it.

    python -m tests.image.root build               builds it (minutes), or finds that it is there
    python -m tests.image.root run -- COMMAND...    builds it if need be, then runs COMMAND with it
    python -m tests.image.root run-twice -- COMMAND...    the same, after it was built once more

PI_CAM_IMAGES   where it lives (default /var/cache/pi-cam/images)
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from tests.camera.trixie_root import _call
from tests.image import gpio_sim

HERE = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("PI_CAM_IMAGES", "/var/cache/pi-cam/images"))
INPUTS = ("image-build", "deploy", "pi_cam", "web", "setup.py", "pyproject.toml", "pi-cam.service", "README.md")
NOT_IN_IT = ("web/ui/node_modules/", "web/portal/")

OTHER_HABITS = {"TZ": "Pacific/Auckland", "LANG": "C"}
"""Of who builds it the second time."""

FOLDER = "PI_CAM_IMAGE_FOLDER"
"""The variable that tells COMMAND where the image and its records are."""

SECOND, REHEARSAL = "second", "rehearsal"
"""Folders in there: what a second build left, and what the build for a Raspberry Pi left that lacks an archive."""

COPY = "PI_CAM_IMAGE_COPY"
"""And where its system is, as a folder that may be changed."""


def main(arguments: list[str]) -> int:
    """Runs the command line; the status is that of COMMAND."""
    if arguments[:1] == ["--run"]:
        return _run(Path(arguments[1]), arguments[2:])
    if arguments != ["build"] and (arguments[:1] not in (["run"], ["run-twice"]) or arguments[1:2] != ["--"]):
        sys.exit("usage: python -m tests.image.root build | run -- COMMAND... | run-twice -- COMMAND...")
    if os.geteuid() != 0:
        sys.exit("This needs root (it makes devices, mounts and virtual machines): run it with sudo.")
    target = os.environ.get("TARGET") or "pc-amd64"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{target}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not (CACHE / target / key()).exists():
            fcntl.flock(lock, fcntl.LOCK_EX)
            _make_ready(target)
            fcntl.flock(lock, fcntl.LOCK_SH)
        if target == "pc-amd64":
            gpio_sim.make_ready(CACHE / target / "system", CACHE)
        if arguments[0] == "run-twice":
            fcntl.flock(lock, fcntl.LOCK_EX)
            _build_again(target)
        return _in_namespaces(CACHE / target, arguments[2:]) if arguments[0] != "build" else 0


def key() -> str:
    """Changes with what is in the image, and with nothing else of this checkout."""
    listed = ["git", "-C", str(HERE), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *INPUTS]
    names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0")
    found = hashlib.sha256()
    for name in sorted(set(names)):
        path = HERE / name
        if name and path.is_file() and not name.startswith(NOT_IN_IT):
            found.update(f"{name} {path.stat().st_mode & 0o111} ".encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _make_ready(target: str) -> None:
    place, stamp = CACHE / target, key()
    if (place / stamp).exists():  # by now, by another
        return
    shutil.rmtree(place, ignore_errors=True)
    command = [sys.executable, "image-build", target, "--out", str(place), "--keep-parts"]
    if subprocess.run(command, cwd=HERE, check=False).returncode:
        shutil.rmtree(place, ignore_errors=True)
        sys.exit("The image could not be built; what failed is said above.")
    (system,) = place.glob("*.squashfs")
    _call("unsquashfs", "-quiet", "-no-progress", "-d", str(place / "system"), str(system))
    _rehearse(place)
    (place / stamp).touch()


def _rehearse(place: Path) -> None:
    """The Raspberry Pi's image without the archive that it needs, in a folder of its own; what was said lies there, too."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PI_CAM_PI_")}
    command = [sys.executable, "image-build", "rpi-arm64", "--out", str(place / REHEARSAL), "--keep-parts"]
    done = subprocess.run(command, cwd=HERE, env=environment, check=False, stderr=subprocess.PIPE, text=True)
    sys.stderr.write(done.stderr)
    (place / REHEARSAL).mkdir(exist_ok=True)
    (place / REHEARSAL / "said").write_text(f"{done.returncode}\n{done.stderr}", "utf-8")


def _build_again(target: str) -> None:
    """Of the same day, elsewhere, and by somebody with other habits."""
    place = CACHE / target
    (bill,) = place.glob("*.sbom.json")
    dated = datetime.fromisoformat(json.loads(bill.read_text("utf-8"))["metadata"]["timestamp"])
    shutil.rmtree(place / SECOND, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="somewhere-else-") as work:
        days = {"SOURCE_DATE_EPOCH": str(int(dated.timestamp())), "PI_CAM_IMAGE_WORK": work}
        command = [sys.executable, "image-build", target, "--out", str(place / SECOND), "--keep-parts"]
        environment = {**os.environ, **OTHER_HABITS, **days}
        if subprocess.run(command, cwd=HERE, env=environment, umask=0o077, check=False).returncode:
            sys.exit("The image could not be built a second time; what failed is said above.")


def _in_namespaces(place: Path, command: list[str]) -> int:
    own = ["--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "--propagation", "private"]
    words = ["unshare", *own, sys.executable, "-m", "tests.image.root", "--run", str(place), *command]
    return subprocess.run(words, check=False, cwd=HERE).returncode


def _run(place: Path, command: list[str]) -> int:
    """Runs inside the namespaces: COMMAND finds a copy of the system that it may change."""
    scratch = place / "copy"
    scratch.mkdir(exist_ok=True)
    _call("mount", "-t", "tmpfs", "-o", "size=3g", "tmpfs", str(scratch))
    for name in ("upper", "work", "merged"):
        (scratch / name).mkdir()
    layers = f"lowerdir={place}/system,upperdir={scratch}/upper,workdir={scratch}/work"
    _call("mount", "-t", "overlay", "overlay", "-o", layers, f"{scratch}/merged")
    # systemd in a container wants the one hierarchy, whatever this machine has.
    subprocess.run(["umount", "--recursive", "/sys/fs/cgroup"], check=False, capture_output=True)
    _call("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
    environment = {**os.environ, FOLDER: str(place), COPY: f"{scratch}/merged"}
    return subprocess.run(command, check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
