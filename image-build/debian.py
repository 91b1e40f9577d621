"""The Debian in the image: packages by mmdebstrap, our files, and what is taken away again."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from target import CHECKOUT, HERE, CannotBuild, Target, call, epoch, version

SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
USER_ID = 900
"""Of the user pi-cam: the same in every image, since the files on /data outlive them."""

LEFT_OUT = (
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/share/i18n/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/bash-completion/*",
    "/usr/share/zsh/*",
    "/usr/share/doc/*",
)
NEVERTHELESS = ("/usr/share/doc/*/copyright",)

FORGOTTEN = (
    "var/lib/apt/lists",
    "var/cache/apt",
    "var/cache/debconf",
    "var/cache/ldconfig",
    "var/lib/systemd/catalog",
    "var/log/apt",
    "tmp",
    "var/tmp",
    "run",
    "boot",
)
"""Emptied: what the machine makes anew, or belongs to the build alone."""

WITHOUT_A_MACHINE = ("etc/hostname", "etc/resolv.conf", "var/lib/dbus/machine-id", "var/lib/systemd/random-seed")


def sources() -> list[str]:
    """apt's lines: the mirrors that this machine has itself."""
    main, security = _mirror("PI_CAM_MIRROR", "Debian"), _mirror("PI_CAM_SECURITY_MIRROR", "Debian-Security")
    return [
        f"deb {main} {SUITE} main",
        f"deb {main} {SUITE}-updates main",
        f"deb {security} {SUITE}-security main",
    ]


def archive(target: Target) -> list[str]:
    """apt's lines for the archive that the target needs beside Debian's; none where it needs none, or nobody named it."""
    address, key = os.environ.get(target.archive, ""), os.environ.get(target.archive_key, "")
    if not address:
        return []
    if not Path(key).is_file():
        raise CannotBuild(f"Set {target.archive_key} to a file with the key of that archive (docs/deploy/image.md).")
    firmware = f"deb {_mirror('PI_CAM_MIRROR', 'Debian')} {SUITE} non-free-firmware"
    return [firmware, f"deb [signed-by={key}] {address} {SUITE} main"]


def _mirror(variable: str, label: str) -> str:
    named = os.environ.get(variable)
    if named:
        return named
    wanted = ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Identifier: Packages"]
    found = subprocess.run(wanted, check=False, capture_output=True, text=True).stdout
    for line in found.splitlines():
        origin, its_label, address = line.split("|", 2)
        if (origin, its_label) == ("Debian", label):
            return address
    raise CannotBuild(f"No mirror of {label} in this machine's apt sources: run apt-get update, or set {variable}.")


def packages(target: Target) -> list[str]:
    """All that is asked for by name."""
    return [*_lines(HERE / "packages.list"), *target.packages, *target.archive_packages]


def _lines(path: Path) -> Iterator[str]:
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line


def install(target: Target, work: Path, lines: list[str], callback: list[str]) -> None:
    """Makes `work/root`. `callback`: the command that is given the root and the program while the kernel's are mounted."""
    inside = " ".join([*callback, '"$1"', str(work / "program")])
    options = [
        "--variant=minbase",
        f"--architectures={target.architecture}",
        f"--include={','.join(packages(target))}",
        "--skip=output/mknod",
        "--skip=check/qemu",  # foreign.py sees to it
        '--aptopt=APT::Install-Recommends "false"',
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
        *(f"--dpkgopt=path-include={pattern}" for pattern in NEVERTHELESS),
        f'--setup-hook=cp -R --no-preserve=ownership,timestamps {HERE}/overlay/etc/initramfs-tools "$1/etc/"',
        f"--customize-hook={inside}",
    ]
    bootstrap(work / "root", lines, *options)


def look_up(target: Target, work: Path, lines: list[str]) -> int:
    """Has apt work out how what comes from Debian is installed, and installs nothing; how many packages were asked for."""
    named = [name for name in packages(target) if name not in target.archive_packages]
    options = ["--variant=minbase", f"--architectures={target.architecture}", f"--include={','.join(named)}"]
    bootstrap(work / "looked-up", lines, *options, "--skip=check/qemu", "--simulate")
    return len(named)


def bootstrap(root: Path, lines: list[str], *options: str) -> None:
    """mmdebstrap into the folder `root`. `lines`: of apt."""
    listed = root.parent / "sources.list"
    listed.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    common = ["--quiet", "--mode=root", "--format=directory", '--aptopt=Acquire::Languages "none"']
    if KEYRING.exists():
        common.append(f"--keyring={KEYRING}")
    call("mmdebstrap", *common, *options, SUITE, root, listed)


def finish(target: Target, root: Path) -> None:
    """Our files and units over Debian's; runs while the root's /proc, /sys and /dev are mounted."""
    _lay_over(HERE / "overlay", root)
    _lay_over(target.folder / "overlay", root)
    users = root / "etc/sysusers.d/pi-cam.conf"
    users.parent.mkdir(exist_ok=True)
    text = (CHECKOUT / "deploy/appliance/pi-cam.sysusers").read_text("utf-8")
    users.write_text(text.replace("u pi-cam -", f"u pi-cam {USER_ID}"), "utf-8")
    _in(root, "systemd-sysusers")
    call(CHECKOUT / "deploy/lay-out.sh", "--wifi", root)
    for folder in ("data", "boot/firmware", "var/lib/pi-cam", "var/lib/pi-cam-update", "var/lib/systemd/timesync"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    shutil.rmtree(root / "var/log/journal", ignore_errors=True)  # systemd would write its journal there
    if target.archive_key:  # apt in the image looks for it where it is here
        key = Path(os.environ[target.archive_key])
        (root / key.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(key, root / key.relative_to("/"))
    _in(root, "usermod", "--password", "!*", "root")
    # What belongs to this system alone (a layer of updates, for one) bears this word.
    status = (root / "var/lib/dpkg/status").read_bytes()
    (root / "etc/pi-cam/image").write_text(f"{version()}-{hashlib.sha256(status).hexdigest()[:16]}\n", "ascii")
    _trust(root / "etc/pi-cam/update-keys")
    (root / "etc/initramfs-tools/update-initramfs.conf").write_text("update_initramfs=no\n", "ascii")
    for line in _lines(HERE / "units.list"):
        _in(root, "systemctl", "--quiet", *line.split())
    if target.boot != "raspberry-pi":
        with (root / "etc/pi-cam/environment").open("a", encoding="utf-8") as file:
            file.write("PI_CAM_SOURCE=auto:\n")


def _trust(keys: Path) -> None:
    """Public keys for updates that whoever builds the image names, beside those of the program itself."""
    named = os.environ.get("PI_CAM_UPDATE_KEYS")
    found = sorted(Path(named).glob("*.pem")) if named else []
    if named and not found:
        raise CannotBuild(f"PI_CAM_UPDATE_KEYS names {named}, and no *.pem is there.")
    keys.mkdir(mode=0o755)
    for path in found:
        shutil.copyfile(path, keys / path.name)


def _lay_over(folder: Path, root: Path) -> None:
    for path in sorted(folder.rglob("*")):
        place = root / path.relative_to(folder)
        if path.is_symlink():
            place.unlink(missing_ok=True)
            place.symlink_to(path.readlink())
        elif path.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
            # NetworkManager takes no profile that others can read.
            plain = 0o600 if path.suffix == ".nmconnection" else 0o644
            place.chmod(0o755 if path.stat().st_mode & 0o100 else plain)


def _in(root: Path, *command: str) -> None:
    call("chroot", root, *command)


def strip(root: Path) -> None:
    """Takes away what no camera needs, and what belongs to the machine that built it."""
    boot = root / "boot"
    shutil.rmtree(root.parent / "kernel", ignore_errors=True)
    shutil.copytree(boot, root.parent / "kernel", symlinks=True)
    for name in FORGOTTEN:
        _empty(root / name)
    (root / "boot/firmware").mkdir()
    for log in (root / "var/log").rglob("*"):
        if log.is_file():
            log.unlink()
    for path in [*root.glob("etc/*-"), *root.glob("var/lib/dpkg/*-old"), *root.glob("etc/ssh/ssh_host_*")]:
        path.unlink()
    for name in WITHOUT_A_MACHINE:
        (root / name).unlink(missing_ok=True)
    shutil.copyfile(HERE / "overlay/etc/hostname", root / "etc/hostname")
    (root / "etc/resolv.conf").symlink_to("/run/NetworkManager/resolv.conf")
    (root / "etc/machine-id").write_text("", "ascii")


def _empty(folder: Path) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            if not path.is_mount():
                shutil.rmtree(path)
        else:
            path.unlink()


def set_times(root: Path) -> None:
    """Nothing is newer than the image says it is; what Debian dated keeps its date."""
    newest = epoch()
    for folder, _, names in os.walk(root):
        for path in [folder, *(os.path.join(folder, name) for name in names)]:
            if os.lstat(path).st_mtime > newest:
                os.utime(path, (newest, newest), follow_symlinks=False)
