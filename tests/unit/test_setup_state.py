"""What the wizard keeps on the disk, and what it knows of who walks through it."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pi_cam.errors import StoreError
from pi_cam.setup_wizard.marks_file import FILE, MAX_BYTES, MarksFile
from pi_cam.setup_wizard.steps import Progress, Step
from pi_cam.setup_wizard.visits import MOST, RECENT_SECONDS, Visits


def progress(file: MarksFile) -> Progress:
    return file.progress(has_owner=True, left_out=frozenset())


def test_it_goes_on_where_it_was_after_a_restart(tmp_path: Path) -> None:
    first = MarksFile(tmp_path)
    assert progress(first).marks == {}
    first.note("language", "done")
    first.note("wifi", "skipped")
    again = MarksFile(tmp_path)
    assert again.problem is None
    assert progress(again).marks == {"language": "done", "wifi": "skipped"}
    assert progress(again).current == "camera"
    again.note("wifi", "done")
    assert progress(MarksFile(tmp_path)).marks["wifi"] == "done"
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_steps_that_are_answered_at_once_are_all_kept(tmp_path: Path) -> None:
    file = MarksFile(tmp_path)
    steps: list[Step] = ["language", "wifi", "camera", "time", "remote", "updates"]
    together = threading.Barrier(len(steps))

    def answer(step: Step) -> None:
        together.wait()
        for mark in ("skipped", "done", "skipped", "done"):
            file.note(step, mark)

    threads = [threading.Thread(target=answer, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert progress(MarksFile(tmp_path)).marks == dict.fromkeys(steps, "done")
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


HOSTILE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b"[" * 5000,
    b"{}",
    b'{"version": 2, "marks": {}}',
    b'{"version": 1, "marks": []}',
    b'{"version": true, "marks": null}',
    b'{"version": 1, "marks": {"language": "done"}' + b" " * MAX_BYTES + b"}",
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_a_file_that_makes_no_sense_is_told_and_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    file = MarksFile(tmp_path)
    assert file.problem
    assert progress(file).marks == {}
    file.note("language", "done")
    again = MarksFile(tmp_path)
    assert again.problem is None
    assert progress(again).marks == {"language": "done"}


@given(
    some.binary(max_size=200)
    | some.recursive(
        some.none() | some.booleans() | some.text(max_size=8),
        lambda more: some.dictionaries(
            some.sampled_from(["version", "marks", "language", "owner"]) | some.text(), more
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_file_stops_the_wizard(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any", numbered=True)
    (folder / FILE).write_bytes(content)
    at = progress(MarksFile(folder))
    assert at.is_open(at.current)


def test_unknown_steps_and_words_are_left_aside(tmp_path: Path) -> None:
    marks = {"language": "done", "wifi": "maybe", "dance": "done", "time": ["done"], "camera": "skipped"}
    (tmp_path / FILE).write_text(json.dumps({"version": 1, "marks": marks}))
    assert progress(MarksFile(tmp_path)).marks == {"language": "done", "camera": "skipped"}


def test_a_folder_in_its_place_is_told_and_what_cannot_be_written_did_not_happen(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    file = MarksFile(tmp_path)
    assert file.problem
    with pytest.raises(StoreError, match="cannot be written"):
        file.note("language", "done")
    assert progress(file).marks == {}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_second_is_told_and_the_first_is_not() -> None:
    clock = Clock()
    visits = Visits(clock)
    assert not visits.see("one")
    clock.now = 10
    assert visits.see("two")
    assert not visits.see("one")
    clock.now = 20
    assert visits.see("two")
    clock.now = 20 + RECENT_SECONDS + 1  # one has been away since
    visits.see("two")
    assert not visits.see("two")


def test_browsers_without_end_are_forgotten() -> None:
    clock = Clock()
    visits = Visits(clock)
    for number in range(MOST * 3):
        clock.now = number / 1000
        visits.see(f"browser {number}")
    assert len(visits._there) == MOST


def test_a_step_that_somebody_else_answered_otherwise_meanwhile() -> None:
    visits = Visits()
    seen = visits.last("language").number
    visits.did("language", "one", b"kitchen")
    assert visits.overtaken("language", seen, "two", b"hall")
    assert not visits.overtaken("language", seen, "two", b"kitchen")  # the same twice is no error
    assert not visits.overtaken("language", seen, "one", b"garden")  # a double press
    assert not visits.overtaken("language", visits.last("language").number, "two", b"hall")  # knows of it
    assert not visits.overtaken("time", 0, "two", b"")
    assert not visits.overtaken("time", 3, "two", b"UTC")  # shown before a restart
