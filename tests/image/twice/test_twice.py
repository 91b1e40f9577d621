"""A second build, elsewhere and by somebody with other habits: the same bytes."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.image.likeness import differences
from tests.image.root import SECOND
from tests.prerequisites import require

SAME = (".squashfs", ".img", ".img.zst", ".img.zst.sha256", ".sbom.json", ".largest.txt")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture
def second(folder: Path) -> Path:
    """What the second build left."""
    require("a second build of the image (make test-image-twice)", (folder / SECOND).is_dir())
    return folder / SECOND


@pytest.mark.timeout(600)
def test_a_second_build_is_the_same(folder: Path, second: Path, tmp_path: Path) -> None:
    names = {path.name: path for path in folder.iterdir() if path.name.endswith(SAME)}
    assert len(names) == len(SAME)
    different = [name for name, path in sorted(names.items()) if sha256(path) != sha256(second / name)]
    (system,) = (name for name in names if name.endswith(".squashfs"))
    why = differences(names[system], second / system, tmp_path) if system in different else []
    assert not different, "\n".join([f"different: {', '.join(different)}", *why[:100]])


def test_what_differs_would_be_named(tmp_path: Path) -> None:
    for number in (1, 2):
        root = tmp_path / f"root{number}"
        (root / "etc").mkdir(parents=True)
        (root / "etc/content").write_text(str(number), "ascii")
        (root / "etc/time").touch()
        (root / "etc/same").touch()
        for name in ("etc/content", "etc/same", "etc", "."):
            os.utime(root / name, (1, 1))
        os.utime(root / "etc/time", (number, number))
        options = ["-quiet", "-no-progress", "-mkfs-time", "1"]
        subprocess.run(["mksquashfs", root, tmp_path / f"{number}.squashfs", *options], check=True)
    (tmp_path / "scratch").mkdir()
    found = differences(tmp_path / "1.squashfs", tmp_path / "2.squashfs", tmp_path / "scratch")
    assert [line for line in found if "etc/content" in line]
    assert len([line for line in found if "etc/time" in line]) == 1
    assert not [line for line in found if "etc/same" in line]
