"""Settings as rows."""

from __future__ import annotations

import pytest

from pi_cam.errors import SettingError
from pi_cam.setting import Setting
from pi_cam.setting_rows import SETTINGS
from pi_cam.settings import Settings, markdown


def test_defaults_are_in_range_and_can_be_written_in_the_environment() -> None:
    environment = {row.variable: str(row.default) for row in SETTINGS}
    settings = Settings.from_environment(environment)
    assert {row.name: settings.text(row.name) for row in SETTINGS} == {row.name: str(row.default) for row in SETTINGS}


def test_the_environment_overrides_and_what_is_not_ours_is_ignored() -> None:
    settings = Settings.from_environment({"PI_CAM_VIEWERS_MAX": " 3 ", "PI_CAM_GRACE_SECONDS": "0.5", "PATH": "/bin"})
    assert (settings.integer("viewers_max"), settings.number("grace_seconds")) == (3, 0.5)
    assert settings.text("log_level") == "info"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PI_CAM_VIEWERS_MAX", value)
        for value in ("", "many", "0", "101", "-1", "2.5", "1e1", "0x8", "8;", "٣٤٥٦", "9" * 5_000)
    ]
    + [("PI_CAM_GRACE_SECONDS", value) for value in ("", "soon", "-0.1", "601", "nan", "inf", "-inf", "1,5")]
    + [("PI_CAM_LOG_LEVEL", value) for value in ("", "loud", "INFO")],
)
def test_values_that_make_no_sense_are_refused_with_a_sentence_that_names_the_variable(
    variable: str, value: str
) -> None:
    with pytest.raises(SettingError, match=rf"^{variable} must be .+\.$"):
        Settings.from_environment({variable: value})


@pytest.mark.parametrize("row", [row for row in SETTINGS if row.low is not None], ids=lambda row: row.name)
def test_both_ends_of_a_range_belong_to_it(row: Setting) -> None:
    for bound in (row.low, row.high):
        assert row.parse(f"{bound:g}") == bound


def test_yes_and_no() -> None:
    row = Setting("sound", "A title", True, "Whether there is sound.")
    assert [row.parse(word) for word in ("yes", "NO", "1", "0", "True", "false")] == [
        True,
        False,
        True,
        False,
        True,
        False,
    ]
    with pytest.raises(SettingError):
        row.parse("perhaps")


def test_a_name_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingError, match="no setting named colour"):
        Settings({"colour": 1})


def test_every_row_stands_in_the_documentation() -> None:
    lines = markdown().splitlines()
    for row in SETTINGS:
        (line,) = [line for line in lines if line.startswith(f"| `{row.variable}` |")]
        assert row.help in line
