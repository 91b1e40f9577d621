"""What the initramfs found where the data partition of a card should be, as the page tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_cam.control.data_probes import FOUND, data
from pi_cam.control.findings import Place

SCRIPT = Path(__file__).resolve().parents[2] / "image-build/overlay/etc/initramfs-tools/scripts/init-bottom/pi-cam"


@pytest.mark.parametrize(
    ("word", "level", "said"),
    [
        ("mended", "optional", "was mended"),
        ("anew", "optional", "made anew"),
        ("unreadable", "missing", "cannot be read"),
        ("none", "missing", "no data partition"),
    ],
)
def test_it_is_told(tmp_path: Path, word: str, level: str, said: str) -> None:
    (tmp_path / FOUND).parent.mkdir(parents=True)
    (tmp_path / FOUND).write_text(f"{word}\n", "ascii")
    folder, partition = data(Place(tmp_path, list, root=tmp_path))
    assert folder.level == "ok"
    assert (partition.name, partition.level) == ("data", level)
    assert said in partition.text
    assert partition.remedy
    script = SCRIPT.read_text("utf-8")
    assert f"note {word}\n" in script or f"found={word}\n" in script


@pytest.mark.parametrize("word", [None, b"whole\n", b"", b"\xff", b"x" * 3000])
def test_of_one_that_is_whole_there_is_nothing_to_say(tmp_path: Path, word: bytes | None) -> None:
    if word is not None:
        (tmp_path / FOUND).parent.mkdir(parents=True)
        (tmp_path / FOUND).write_bytes(word)
    assert len(data(Place(tmp_path, list, root=tmp_path))) == 1
