"""On an image: a damaged version is found, and the one that came with the image runs instead; whatever is cut."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pi_cam.updates import built_in, wholeness
from pi_cam.updates.outcome import Outcome
from pi_cam.updates.places import BUILT_IN, Places
from pi_cam.updates.slots import FolderSlots
from tests.unit.test_update_slots import cut_at, packed

NEW = "2-1.0"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return image_with_an_update(tmp_path)


def image_with_an_update(folder: Path) -> Places:
    """Release 2 was kept; beside it, the link to what came with the image."""
    here = Places(folder / "opt", folder / "kept", folder / "asked", folder / "data", folder / "image")
    for path in (here.programs, here.kept, folder / BUILT_IN):
        path.mkdir(parents=True)
    (here.programs / "1.0").symlink_to(folder / BUILT_IN)
    (here.programs / "current").symlink_to(here.programs / "1.0")
    slots = FolderSlots(here.programs)
    with packed(folder, 2) as package:
        slots.put_in(package)
    (here.programs / NEW / "link").symlink_to("bin/end")
    wholeness.note(here.programs / NEW)
    slots.begin()
    slots.commit()
    return here


def _fall_back(here: Places) -> None:
    built_in.fall_back(here, contents=False)


def emptied(version: Path) -> None:
    (version / "bin/end").write_bytes(b"")


def changed(version: Path) -> None:
    (version / "bin/end").write_bytes(b"END\n")


def led_elsewhere(version: Path) -> None:
    (version / "link").unlink()
    (version / "link").symlink_to("bin/other")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a file is gone": lambda version: (version / "bin/end").unlink(),
    "a file is empty": emptied,
    "a link leads elsewhere": led_elsewhere,
    "its list is gone": lambda version: (version / wholeness.LIST).unlink(),
    "its list is empty": lambda version: (version / wholeness.LIST).write_bytes(b""),
    "its list is of another age": lambda version: (version / wholeness.LIST).write_bytes(b"\xff\xfe\nx y\n"),
    "all of it is gone": shutil.rmtree,
}


def test_a_whole_one_stays(places: Places) -> None:
    for contents in (False, True):
        assert built_in.fall_back(places, contents=contents) == ""
    assert FolderSlots(places.programs).current() == NEW
    assert Outcome.read(places.outcome) is None


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_one_is_left_and_told(places: Places, damage: str) -> None:
    DAMAGE[damage](places.programs / NEW)
    assert built_in.fall_back(places, contents=False) == NEW
    assert (places.programs / "current").resolve().name == BUILT_IN
    assert not (places.programs / NEW).exists()
    outcome = Outcome.read(places.outcome)
    assert outcome is not None
    assert (outcome.result, outcome.version, outcome.release) == ("rolled-back", "1.0", 2)
    assert outcome.reason == built_in.DAMAGED
    assert built_in.fall_back(places, contents=True) == ""


def test_other_contents_are_found_where_all_is_read(places: Places) -> None:
    changed(places.programs / NEW)
    assert built_in.fall_back(places, contents=False) == ""
    places.package.touch()  # whoever judges this update runs from there
    assert built_in.fall_back(places, contents=True) == ""
    places.package.unlink()
    assert built_in.fall_back(places, contents=True) == NEW


def test_a_link_to_nowhere_is_no_version(places: Places) -> None:
    (places.programs / "current").unlink()
    assert built_in.fall_back(places, contents=False) == "of no name"
    assert (places.programs / "current").resolve().name == BUILT_IN


def test_the_one_before_is_looked_at_while_another_is_on_trial(places: Places, tmp_path: Path) -> None:
    slots = FolderSlots(places.programs)
    with packed(tmp_path, 3) as package:
        slots.put_in(package)
    wholeness.note(places.programs / "3-1.0")
    slots.begin()
    emptied(places.programs / NEW)
    assert built_in.fall_back(places, contents=False) == NEW
    assert (slots.current(), slots.progress().state) == ("1.0", "idle")
    assert Outcome.read(places.outcome) is None  # root's part tells how that update ended


def test_ended_before_any_step_it_comes_to_the_same_end(tmp_path: Path) -> None:
    step, cut = 0, True
    while cut:
        here = image_with_an_update(tmp_path / str(step))
        emptied(here.programs / NEW)
        cut = cut_at(step, partial(_fall_back, here))
        assert (here.programs / "current").is_symlink()
        built_in.fall_back(here, contents=False)
        assert (here.programs / "current").resolve().name == BUILT_IN
        assert FolderSlots(here.programs).progress().state == "idle"
        step += 1
    assert step > 8


def test_the_command_has_two_words() -> None:
    assert built_in.main([]) == 2
    assert built_in.main(["everything"]) == 2


def test_it_is_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", built_in.__name__, "everything"], check=False, capture_output=True)
    assert done.returncode == 2
    assert b"sizes|contents" in done.stderr
