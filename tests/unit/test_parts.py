"""The table of what the long tests look at is true of this checkout, and of the Makefile."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests import parts

HERE = Path(__file__).parents[2]
MAKEFILE = (HERE / "Makefile").read_text("utf-8")


def recipe(target: str) -> str:
    """The lines below it."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found is not None, target
    return found[1]


@pytest.mark.parametrize("part", parts.PARTS)
def test_all_that_a_part_looks_at_is_there(part: str) -> None:
    missing = [path for path in parts.PARTS[part] if not any(HERE.glob(path))]
    assert missing == []


@pytest.mark.parametrize("part", parts.PARTS)
def test_what_runs_a_part_notes_it(part: str) -> None:
    assert re.findall(r"tests\.parts passed (\S+)", recipe(parts.target(part))) == [part]


def test_make_test_runs_each_but_the_slowest(capsys: pytest.CaptureFixture[str]) -> None:
    listed = re.search(r"^PARTS := (.*)$", MAKEFILE, re.MULTILINE)
    assert listed is not None
    assert sorted(listed[1].split()) == sorted(parts.PARTS.keys() - {"arm64"})
    assert parts.main(["target", "appliance"]) == 0
    assert capsys.readouterr().out == "test-install\n"
    assert "tests.parts target $$part" in recipe("test")


def test_the_slowest_is_noted_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parts, "NOTE", tmp_path / "passed.json")
    monkeypatch.setattr(parts, "digest", lambda part: f"what {part} looks at")
    assert parts.main(["changed", "arm64"]) == 0
    assert parts.main(["passed", "arm64"]) == 0
    assert json.loads((tmp_path / "passed.json").read_text("ascii")) == {"arm64": "what arm64 looks at"}
    assert parts.main(["changed", "arm64"]) == 1
    assert "(make test-image-arm64 runs them)" in capsys.readouterr().out
