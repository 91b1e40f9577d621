"""The camera's program in the image, as deploy/install.sh lays it out: from wheels; none of the target runs for it."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from target import CHECKOUT, CannotBuild, Target, call, version

PYTHON = "3.13"
"""Debian trixie's."""

BUILT_IN = Path("/usr/lib/pi-cam/built-in")
"""Where the version is that comes with the image (`pi_cam.updates.places.BUILT_IN`)."""

PLATFORMS = ("manylinux_2_36", "manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
DOCUMENTS = ("README.md", "LICENSE", "THIRD_PARTY_NOTICES.md")
SOURCES = ("setup.py", "pyproject.toml", "cloudflared.yml", *DOCUMENTS, "pi_cam", "web")
SPOKEN = ("en", "fr", "root")
"""The languages of which Babel's data stay (their countries, too)."""

LEFT_OUT = ("tests", "test", "__pycache__", "include")
NOT_RUN = ("*.pyi", "*.c", "*.h", "*.pyx", "*.pxd", "*.a")


def collect(target: Target, folder: Path) -> None:
    """Puts `site-packages` for the target into `folder`. Needs a package index."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy"
        copy.mkdir()
        for name in SOURCES:
            source = CHECKOUT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
            else:
                shutil.copy(source, copy / name)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        call(*pip, "wheel", "--no-deps", "--wheel-dir", scratch, str(copy))
        (wheel,) = Path(scratch).glob("pi_cam-*.whl")
        options = ["--no-warn-conflicts", *_for(target), "--target", str(folder)]
        call(*pip, "install", *options, f"{wheel}[pins]")
    for name in target.from_debian:
        _take_out(folder, name)
    _tidy(folder)


def _for(target: Target) -> list[str]:
    tags = [f"{platform}_{target.wheels}" for platform in PLATFORMS]
    return [
        "--only-binary=:all:",
        "--no-compile",
        f"--python-version={PYTHON}",
        "--implementation=cp",
        *(f"--abi={abi}" for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none")),
        *(f"--platform={tag}" for tag in tags),
    ]


def _take_out(folder: Path, name: str) -> None:
    """A distribution, with all that its RECORD names. Others require it, and so pip brings it."""
    (record,) = folder.glob(f"{name}-*.dist-info/RECORD")
    with record.open(encoding="utf-8", newline="") as file:
        tops = {row[0].split("/")[0] for row in csv.reader(file)}
    for top in tops - {".."}:
        shutil.rmtree(folder / top)


def _tidy(folder: Path) -> None:
    shutil.rmtree(folder / "bin", ignore_errors=True)
    shutil.rmtree(folder / "web/portal")  # the website is no part of a camera
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and path.name in LEFT_OUT and (path.parent != folder or path.name == "__pycache__"):
            shutil.rmtree(path)
        elif path.is_file() and any(path.match(pattern) for pattern in NOT_RUN):
            path.unlink()
    for record in folder.glob("*.dist-info/*"):
        if record.name in ("direct_url.json", "RECORD", "INSTALLER", "REQUESTED"):
            record.unlink()  # where pip found it: of this machine
    for data in (folder / "babel/locale-data").glob("*.dat"):
        if data.stem.split("_")[0] not in SPOKEN:
            data.unlink()


def install(target: Target, root: Path, collected: Path) -> None:
    """Lays the program out as a virtual environment that Debian's Python finds. /opt/pi-cam leads to it by a link: updates
    have a folder on the data partition mounted there, from which that link leads here as well.

    Its byte-code is made here: without it every start would compile 40,000 lines anew, since / forgets. It is checked
    against nothing when it is loaded (`unchecked-hash`), and so bears no time.
    """
    home = Path("/opt/pi-cam") / version()
    place = root / BUILT_IN.relative_to("/")
    packages = place / f"lib/python{PYTHON}/site-packages"
    packages.parent.mkdir(parents=True)
    shutil.copytree(collected, packages, symlinks=True)
    said = subprocess.run(["chroot", root, "python3", "--version"], check=True, capture_output=True, text=True).stdout
    exact = said.split()[1]
    if not exact.startswith(f"{PYTHON}."):
        raise CannotBuild(f"This Debian has Python {exact}; the image is made for {PYTHON}.")
    from_debian = "true" if target.from_debian else "false"
    lines = ["home = /usr/bin", f"include-system-site-packages = {from_debian}", f"version = {exact}"]
    (place / "pyvenv.cfg").write_text("\n".join(lines) + "\n", "ascii")
    (place / "bin").mkdir()
    for name in ("python", "python3"):
        (place / "bin" / name).symlink_to("/usr/bin/python3" if name == "python" else "python")
    command = place / "bin/pi-cam"
    command.write_text(f"#!{home}/bin/python\nimport sys\nfrom pi_cam.cli import main\nsys.exit(main())\n", "ascii")
    command.chmod(0o755)
    documents = place / "share/doc/pi-cam"
    documents.mkdir(parents=True)
    for name in DOCUMENTS:
        shutil.copyfile(CHECKOUT / name, documents / name)
    versions = root / home.parent.relative_to("/")
    versions.mkdir()
    (versions / home.name).symlink_to(Path("../..") / BUILT_IN.relative_to("/"))
    (versions / "current").symlink_to(home)
    call("chown", "--recursive", "--no-dereference", "root:root", place, versions)
    # One after the other: which of several processes compiles what is chance, and a constant's references show in the code.
    compiled = ["-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"]
    call("chroot", root, home / "bin/python", *compiled, home / "lib", PYTHONHASHSEED="0")
    call("chroot", root, home / "bin/pi-cam", "--version", PYTHONDONTWRITEBYTECODE="1")
    for folder in (place, place.parent, versions):
        folder.chmod(0o755)
