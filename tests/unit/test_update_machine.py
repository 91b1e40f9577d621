"""Root's part, ended before each of its steps and started again. systemd and a camera that serves are in tests/appliance."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from pi_cam import privileges
from pi_cam.updates import machine, trial
from pi_cam.updates.machine import Update
from pi_cam.updates.outcome import Outcome
from pi_cam.updates.places import Places
from tests.unit.test_update_inbox import packed, places
from tests.unit.test_update_slots import cut_at

__all__ = ["places"]
PICTURES = {"main": trial.PICTURE}


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """What is found of a version on trial: `reason`. Nobody is started, and nobody's rights are taken."""
    found: dict[str, str | None] = {"reason": None}

    def judge(_: Places, before: dict[str, str]) -> str | None:
        assert before == PICTURES, "what was there before is known after a cut"
        return found["reason"]

    monkeypatch.setattr(trial, "judge", judge)
    monkeypatch.setattr(trial, "restart", lambda: None)
    monkeypatch.setattr(trial, "serves", lambda: True)
    monkeypatch.setattr(trial, "pictures", lambda _: PICTURES)
    monkeypatch.setattr(privileges, "as_user", contextlib.nullcontext)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: None)
    monkeypatch.setattr(os, "sync", lambda: None)
    return found


def machine_of(folder: Path, package: Path) -> Places:
    """One that runs a version of today, with a package in its inbox."""
    here = Places(folder / "opt", folder / "kept", folder / "asked", folder / "data", folder / "image")
    for path in (here.programs / "20260101-000000", here.kept, here.inbox.parent):
        path.mkdir(parents=True)
    (here.programs / "20260101-000000/whole").touch()
    (here.programs / "current").symlink_to(here.programs / "20260101-000000")
    here.inbox.write_bytes(package.read_bytes())
    return here


@pytest.mark.parametrize(("reason", "result"), [(None, "installed"), (trial.NO_PICTURES, "rolled-back")])
def test_ended_before_any_step_it_comes_to_the_same_end(
    places: Places, tmp_path: Path, judged: dict[str, str | None], reason: str | None, result: str
) -> None:
    package = packed(tmp_path)
    judged["reason"] = reason
    step, cut = 0, True
    while cut:
        here = machine_of(tmp_path / str(step), package)
        cut = cut_at(step, Update(here).run)
        current = here.programs / "current"
        assert (current / "whole").exists() or (current / "bin/pi-cam").is_file(), step
        Update(here).run()
        outcome = Outcome.read(here.outcome)
        assert outcome is not None
        assert (outcome.result, outcome.reason) == (result, reason or ""), step
        assert current.resolve().name == ("5-1.0" if result == "installed" else "20260101-000000")
        left = {path.name for path in here.kept.iterdir()} | {path.name for path in here.inbox.parent.iterdir()}
        assert left == {"outcome.json"}
        assert not (here.programs / machine.STEADY).is_symlink()
        step += 1
    assert step > 40


@pytest.mark.timeout(30)
def test_a_pipe_or_a_link_is_no_answer_and_no_update(
    places: Places, tmp_path: Path, judged: dict[str, str | None]
) -> None:
    """Where the camera's user writes; a pipe would keep root's part waiting, again and again."""
    here = machine_of(tmp_path / "here", packed(tmp_path))
    (tmp_path / "said").write_text('{"look": 1, "cameras": {}}', "ascii")
    assert trial._answer(tmp_path / "said") == {"look": 1, "cameras": {}}
    here.pictures.symlink_to(tmp_path / "said")
    assert trial._answer(here.pictures) is None
    for path in (here.pictures, here.inbox):
        path.unlink()
        os.mkfifo(path)
    assert trial._answer(here.pictures) is None
    Update(here).run()
    outcome = Outcome.read(here.outcome)
    assert outcome is not None
    assert outcome.result == "refused"
    assert not here.inbox.exists()


def test_what_is_not_trusted_any_more_is_taken_back(
    places: Places, tmp_path: Path, judged: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key was removed while it was on trial."""
    here = machine_of(tmp_path / "here", packed(tmp_path))

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(trial, "restart", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Update(here).run()
    assert (here.programs / "current").resolve().name == "5-1.0"
    (tmp_path / "keys/own.pem").unlink()
    monkeypatch.setattr(trial, "restart", lambda: None)
    Update(here).run()
    outcome = Outcome.read(here.outcome)
    assert outcome is not None
    assert outcome.result == "refused"
    assert (here.programs / "current").resolve().name == "20260101-000000"


def test_one_that_cannot_be_put_in_is_refused_and_not_tried_for_ever(
    places: Places, tmp_path: Path, judged: dict[str, str | None]
) -> None:
    here = machine_of(tmp_path / "here", packed(tmp_path, cli=False))
    Update(here).run()
    outcome = Outcome.read(here.outcome)
    assert outcome is not None
    assert (outcome.result, outcome.reason) == ("refused", "This update holds no pi-cam.")
    assert not here.package.exists()
    assert not here.inbox.exists()
