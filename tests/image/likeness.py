"""What two systems differ in."""

from __future__ import annotations

import filecmp
import os
import stat
import subprocess
from pathlib import Path


def differences(one: Path, other: Path, scratch: Path) -> list[str]:
    """Of two squashfs files: one line for each name that is not the same in both. Unpacks them into `scratch`."""
    roots = [scratch / "one", scratch / "other"]
    for root, image in zip(roots, (one, other), strict=True):
        subprocess.run(["unsquashfs", "-quiet", "-no-progress", "-d", root, image], check=True)
    first, second = (_rows(root) for root in roots)
    found = [f"{name}: {first.get(name, 'missing')} | {second.get(name, 'missing')}" for name in _unlike(first, second)]
    return [*found, *(f"{name}: another content" for name in sorted(first) if not _same_content(name, *roots))]


def _rows(root: Path) -> dict[str, str]:
    """Rights, owner, size, time, attributes and where a link leads, by name."""
    found = {}
    for path in [root, *root.rglob("*")]:
        status = path.lstat()
        size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        extra = sorted(os.listxattr(path, follow_symlinks=False))
        leads = os.readlink(path) if path.is_symlink() else ""
        row = f"{status.st_mode:o} {status.st_uid}:{status.st_gid} {size} {int(status.st_mtime)} {extra} {leads}"
        found[str(path.relative_to(root))] = row
    return found


def _unlike(first: dict[str, str], second: dict[str, str]) -> list[str]:
    return [name for name in sorted({*first, *second}) if first.get(name) != second.get(name)]


def _same_content(name: str, one: Path, other: Path) -> bool:
    first, second = one / name, other / name
    if not all(path.is_file() and not path.is_symlink() for path in (first, second)):
        return True
    return filecmp.cmp(first, second, shallow=False)
