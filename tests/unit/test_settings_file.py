"""The file of the settings: what is wrong with it is named, the last good one is used, and writing it is atomic."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pi_cam import durable
from pi_cam.errors import SettingError, StoreError
from pi_cam.setting import Value
from pi_cam.setting_rows import SETTINGS
from pi_cam.settings import Settings
from pi_cam.settings_file import DAMAGED, MAX_BYTES, MIGRATIONS, NAME, PREVIOUS, VERSION

DEFAULT = 8


def write(folder: Path, content: object, name: str = NAME) -> None:
    (folder / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def current(**values: object) -> dict[str, object]:
    return {"version": VERSION, "values": values}


def load(folder: Path, **environment: str) -> Settings:
    return Settings.load(folder, environment)


def test_a_new_folder_has_the_defaults_and_no_problem(tmp_path: Path) -> None:
    settings = load(tmp_path / "new")
    assert settings.problems() == []
    assert {row.name: settings.saved(row.name) for row in SETTINGS} == {row.name: row.default for row in SETTINGS}
    assert {settings.set_by(row.name) for row in SETTINGS} == {"default"}
    assert not (tmp_path / "new").exists()


def test_a_change_is_in_force_at_once_and_after_a_restart(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.change({"viewers_max": 3, "connect_seconds": 7}) == {
        "viewers_max": (DEFAULT, 3),
        "connect_seconds": (12.0, 7.0),
    }
    for one in (settings, load(tmp_path)):
        assert (one.integer("viewers_max"), one.number("connect_seconds")) == (3, 7.0)
        assert (one.set_by("viewers_max"), one.problems()) == ("file", [])
    assert json.loads((tmp_path / NAME).read_text()) == current(viewers_max=3, connect_seconds=7.0)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_a_change_that_needs_a_restart_waits_for_it(tmp_path: Path) -> None:
    settings = load(tmp_path)
    settings.change({"grace_seconds": 1})
    assert (settings.number("grace_seconds"), settings.saved("grace_seconds")) == (5.0, 1.0)
    assert settings.waiting("grace_seconds")
    again = load(tmp_path)
    assert (again.number("grace_seconds"), again.waiting("grace_seconds")) == (1.0, False)


def test_null_takes_a_setting_back_to_its_default(tmp_path: Path) -> None:
    settings = load(tmp_path)
    settings.change({"viewers_max": 3})
    assert settings.change({"viewers_max": None}) == {"viewers_max": (3, DEFAULT)}
    assert settings.set_by("viewers_max") == "default"
    assert load(tmp_path).integer("viewers_max") == DEFAULT


def test_whoever_watches_hears_of_changes_only(tmp_path: Path) -> None:
    heard: list[dict[str, Value]] = []
    settings = load(tmp_path)
    settings.watch(lambda changed: heard.append(dict(changed)))
    settings.change({"viewers_max": 3, "connect_seconds": 12.0})
    settings.change({"viewers_max": 3})
    settings.change({})
    assert heard == [{"viewers_max": 3}]


NO_SENSE: dict[str, list[object]] = {
    "viewers_max": [0, 101, "8", 8.0, True, [], {}, 10**400, float("nan")],
    "connect_seconds": [0.9, 61, 10**400, -(10**400), float("nan"), float("inf"), "12", False],
    "log_level": ["loud", "INFO", "", 1, "info\n"],
    "ice_servers": ["turn:x", "stun:user:secret", "x" * 2000, "stun:a\nstun:b", "stun:\x00", 5],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in NO_SENSE.items() for value in values])
def test_a_value_that_makes_no_sense_is_refused_by_name_and_nothing_is_half_applied(
    tmp_path: Path, name: str, value: object
) -> None:
    settings = load(tmp_path)
    settings.change({"journal_days": 30})
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(SettingError, match=rf"^{name} must be .+\.$"):
        settings.change({"journal_days": 31, name: value})
    assert settings.integer("journal_days") == 30
    assert (tmp_path / NAME).read_bytes() == before


def test_what_does_not_exist_or_belongs_to_the_operator_is_refused(tmp_path: Path) -> None:
    settings = load(tmp_path, PI_CAM_VIEWERS_MAX="5")
    for name, sentence in {
        "colour": "There is no setting named colour.",
        "source": "source cannot be changed here",
        "viewers_max": "the environment variable PI_CAM_VIEWERS_MAX sets it",
    }.items():
        with pytest.raises(SettingError, match=sentence):
            settings.change({"journal_days": 31, name: 4})
    assert settings.integer("journal_days") == 365
    assert not (tmp_path / NAME).exists()


def test_the_environment_beats_the_file_and_the_file_the_default(tmp_path: Path) -> None:
    write(tmp_path, current(viewers_max=3, journal_days=30))
    settings = load(tmp_path, PI_CAM_VIEWERS_MAX="5")
    assert (settings.integer("viewers_max"), settings.set_by("viewers_max")) == (5, "environment")
    assert (settings.integer("journal_days"), settings.set_by("journal_days")) == (30, "file")
    assert settings.set_by("log_level") == "default"
    settings.change({"journal_days": 40})
    assert load(tmp_path).integer("viewers_max") == 3


BAD_FILES: dict[str, Any] = {
    "is not JSON": b"{",
    "empty": b"",
    "binary": b"\xff\xfe\x00",
    "deep": b"[" * 200_000,
    "is not a JSON object": [1, 2],
    "has no object named values": {"version": VERSION, "values": [1]},
    "has a version that makes no sense": {"version": "two", "values": {}},
    "yes": {"version": True, "values": {}},
    "zero": {"version": 0, "values": {}},
    "was written by a newer version": {"version": VERSION + 1, "values": {"viewers_max": 1}},
    "is far too long": b" " * (MAX_BYTES + 1),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_bad_file_is_named_and_the_last_good_one_used(tmp_path: Path, what: str) -> None:
    settings = load(tmp_path)
    settings.change({"viewers_max": 3})
    settings.change({"viewers_max": 4})
    write(tmp_path, BAD_FILES[what])
    settings = load(tmp_path)
    (problem,) = settings.problems()
    assert problem.startswith("settings.json ")
    assert problem.endswith("settings.previous.json is used.")
    if " " in what:
        assert what in problem
    assert settings.integer("viewers_max") == 3
    settings.change({"viewers_max": 5})
    assert (settings.problems(), load(tmp_path).problems()) == ([], [])
    assert load(tmp_path).integer("viewers_max") == 5
    assert json.loads((tmp_path / PREVIOUS).read_text()) == current(viewers_max=3)
    assert (tmp_path / DAMAGED).stat().st_size > 0 or what == "empty"


def test_without_a_good_file_the_defaults_are_used_and_both_are_named(tmp_path: Path) -> None:
    write(tmp_path, b"{")
    write(tmp_path, b"}", PREVIOUS)
    settings = load(tmp_path)
    assert settings.integer("viewers_max") == DEFAULT
    assert settings.problems() == [
        "settings.json is not JSON: the defaults are used.",
        "settings.previous.json is not JSON.",
    ]


def test_a_missing_file_is_named_when_there_was_one(tmp_path: Path) -> None:
    load(tmp_path).change({"viewers_max": 3})
    load(tmp_path).change({"viewers_max": 4})
    (tmp_path / NAME).unlink()
    settings = load(tmp_path)
    assert settings.integer("viewers_max") == 3
    assert settings.problems() == ["settings.json is missing: settings.previous.json is used."]


def test_a_folder_in_its_place_is_a_problem_and_no_failure(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    settings = load(tmp_path)
    assert "cannot be read" in settings.problems()[0]
    with pytest.raises(StoreError, match=r"The settings cannot be written: .+\."):
        settings.change({"viewers_max": 3})
    assert settings.integer("viewers_max") == DEFAULT


def test_one_bad_value_is_named_and_its_last_good_value_used(tmp_path: Path) -> None:
    write(tmp_path, current(viewers_max=3), PREVIOUS)
    write(tmp_path, current(viewers_max=900, log_level="loud", journal_days=30))
    settings = load(tmp_path)
    assert (settings.integer("viewers_max"), settings.text("log_level")) == (3, "info")
    assert settings.integer("journal_days") == 30
    assert settings.problems() == [
        "settings.json: viewers_max must be at most 100. Its last good value is used.",
        "settings.json: log_level must be one of: debug, info, warning, error. Its default is used.",
    ]
    settings.change({"journal_days": 31})
    assert load(tmp_path).problems() == []
    assert load(tmp_path).integer("viewers_max") == 3


def test_what_is_not_known_is_named_and_kept(tmp_path: Path) -> None:
    write(tmp_path, current(colour={"deep": [1]}, viewers_max=3))
    settings = load(tmp_path)
    named = ["settings.json has colour, which is no setting; it is kept as it is."]
    assert settings.problems() == named
    settings.change({"viewers_max": 4})
    assert json.loads((tmp_path / NAME).read_text()) == current(colour={"deep": [1]}, viewers_max=4)
    assert (settings.problems(), load(tmp_path).problems()) == (named, named)


EARLIER: dict[int, object] = {
    1: {"viewers_max": 3, "log_level": "debug", "colour": "red"},
}
"""A file of each earlier version, all with the same values."""


@pytest.mark.parametrize("version", MIGRATIONS)
def test_each_earlier_version_is_read_and_written_anew(tmp_path: Path, version: int) -> None:
    write(tmp_path, EARLIER[version])
    settings = load(tmp_path)
    assert (settings.integer("viewers_max"), settings.text("log_level")) == (3, "debug")
    settings.change({"viewers_max": 4})
    expected = current(colour="red", viewers_max=4, log_level="debug")
    assert json.loads((tmp_path / NAME).read_text()) == expected


def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def noted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            what = os.readlink(f"/proc/self/fd/{arguments[0]}") if name == "fsync" else str(arguments[1])
            steps.append(f"{name} {Path(what).name}")
            return real(*arguments)

        return call

    load(tmp_path).change({"viewers_max": 2})
    monkeypatch.setattr(os, "fsync", noted("fsync", os.fsync))
    monkeypatch.setattr(os, "replace", noted("replace", os.replace))
    load(tmp_path).change({"viewers_max": 3})
    folder = f"fsync {tmp_path.name}"
    assert steps == [
        *("fsync .settings.previous.json.new", "replace settings.previous.json", folder),
        *("fsync .settings.json.new", "replace settings.json", folder),
    ]


def test_what_cannot_be_written_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "one"
    durable.replace(path, b"old")
    (tmp_path / "two").mkdir()
    with pytest.raises(OSError, match="directory"):
        durable.replace(tmp_path / "two", b"new")
    assert path.read_bytes() == b"old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["one", "two"]
