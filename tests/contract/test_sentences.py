"""Every sentence that a camera's trouble may put on a page is known to the pages, and so has a French form."""

from __future__ import annotations

import ast
import dataclasses
import errno
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import pi_cam
from pi_cam.errors import PiCamError, SettingError
from pi_cam.journal.actions import ACTIONS
from pi_cam.setting_rows import SETTINGS
from pi_cam.settings import ROWS, Settings
from pi_cam.settings_file import NAME, PREVIOUS
from pi_cam.store import Store
from web.ui import texts
from web.ui.server_sentences import SENTENCES

PACKAGE = Path(pi_cam.__file__).parent
SHOWN = (
    "SourceError",
    "SourceUnreachable",
    "SourceForbidden",
    "SourceUnsupported",
    "MissingPart",
    "NotReady",
    "NotAllowed",
    "WifiError",
    "NotManaged",
    "NoHelper",
)
NOT_ON_PAGES = {
    "This camera has no control named *.",  # an answer of the API
    "* takes a number.",
    "* goes from * to *, not *.",
    "A token has no session to end.",
    "*",  # passes on another error's sentence
}


def skeleton(sentence: str) -> str:
    return re.sub(r"%\(\w+\)s", "*", sentence)


def test_every_trouble_is_in_the_catalogue() -> None:
    known = {skeleton(sentence) for sentence in SENTENCES} | NOT_ON_PAGES
    said = set(_said())
    assert len(said) > 30
    assert sorted(text for text in said if text not in known) == []


def _said() -> Iterator[str]:
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SHOWN and node.args:
                yield from _texts(node.args[0], constants, path.name)


def _texts(argument: ast.expr, constants: Mapping[str, object], file: str) -> Iterator[str]:
    if file == "relay.py" and isinstance(argument, ast.JoinedStr):  # says how it failed in a word of its own
        for failure in ("does not answer", "refuses the connection", "answers, but not with TLS"):
            yield f"The camera at * {failure}."
    elif isinstance(argument, ast.Constant):
        yield str(argument.value)
    elif isinstance(argument, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in argument.values)
    elif isinstance(argument, ast.Name) and argument.id in constants:
        yield str(constants[argument.id])
    else:
        yield "*"


def test_every_setting_and_every_action_of_the_journal_is_in_the_catalogue() -> None:
    said = {row.help for row in SETTINGS} | set(ACTIONS.values())
    assert sorted(said - set(SENTENCES)) == []


CONTROL = PACKAGE / "control"
PROBES = sorted(f"control/{path.name}" for path in (*CONTROL.glob("*_probes.py"), CONTROL / "doctor.py"))
REASONS = ("control/patience.py", "trust/own_certificate.py", "journal/chain.py", "remote/tunnel_look.py")
"""What a probe passes on as it is."""


def sentences_of(path: Path) -> set[str]:
    """Every text of a module that reads like a sentence, `*` for what changes."""
    tree = ast.parse(path.read_text("utf-8"))
    apart = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    apart |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    texts_ = {
        next(_texts(node, {}, path.name))
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        if id(node) not in apart
    }
    return {
        text for text in texts_ if re.match(r"([A-Z*]|tls/|picamera2|sounddevice|vcgencmd)[^/]* .*[a-z)].", text)
    } - NO_SENTENCES


NO_SENTENCES = {"PRAGMA user_version", "* * * *"}


@pytest.mark.parametrize("module", [*PROBES, *REASONS])
def test_every_line_of_the_doctor_is_in_the_catalogue(module: str) -> None:
    said = sentences_of(PACKAGE / module)
    assert said
    assert sorted(said - {skeleton(sentence) for sentence in SENTENCES}) == []


CAUSES = [
    *(
        errno.ENOENT,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOSPC,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ELOOP,
        errno.EIO,
    )
]


@pytest.mark.parametrize("number", CAUSES, ids=errno.errorcode.get)
def test_every_common_cause_has_a_french_form(number: int) -> None:
    assert_french(os.strerror(number))


def test_every_cause_of_the_settings_file_has_a_french_form() -> None:
    tree = ast.parse((PACKAGE / "settings_file.py").read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    causes = [next(_texts(call.args[0], {}, "")) for call in calls if ast.unparse(call.func) == "_Unusable"]
    assert len(causes) > 4
    for cause in [*causes, "is missing", "cannot be read (Permission denied)"]:
        assert_french(cause)


def assert_french(sentence: str) -> None:
    assert texts.translator("fr")(sentence) != sentence


@pytest.mark.parametrize(
    "wanted",
    [
        {"viewers_max": "x"},
        {"viewers_max": 0},
        {"viewers_max": 101},
        {"log_level": 1},
        {"log_level": "loud"},
        {"ice_servers": "turn:x"},
        {"ice_servers": "x" * 2000},
        {"colour": 1},
        {"source": "file:x"},
        {"journal_days": 1},
    ],
    ids=str,
)
def test_every_refusal_of_a_setting_has_a_french_form(wanted: dict[str, object]) -> None:
    with pytest.raises(SettingError) as refused:
        Settings(environment={"PI_CAM_JOURNAL_DAYS": "3"}).change(wanted)
    assert_french(str(refused.value))


def test_a_setting_of_yes_or_no_has_one_too() -> None:
    row = dataclasses.replace(ROWS["viewers_max"], default=True)
    with pytest.raises(SettingError) as refused:
        row.accept(7)
    assert_french(str(refused.value))


@pytest.mark.parametrize(
    ("content", "previous"),
    [
        ("{", "{}"),
        ("{", None),
        (None, "{}"),
        ('{"colour": 1}', None),
        ('{"viewers_max": 0}', '{"viewers_max": 3}'),
        ('{"viewers_max": 0}', None),
    ],
)
def test_every_problem_of_the_settings_file_has_a_french_form(
    tmp_path: Path, content: str | None, previous: str | None
) -> None:
    for name, text in ((NAME, content), (PREVIOUS, previous)):
        if text is not None:
            (tmp_path / name).write_text(text)
    (problem,) = Settings.load(tmp_path, {}).problems()
    assert_french(problem)


def test_troubles_of_the_disk_have_a_french_form(tmp_path: Path) -> None:
    with pytest.raises(PiCamError) as refused, Store(tmp_path).transaction():
        pass
    assert_french(str(refused.value))
    (tmp_path / "pi-cam.damaged-20380119T031408Z.db").write_text("")
    assert_french(str(Store(tmp_path).problem()))
    (tmp_path / NAME).mkdir()
    with pytest.raises(PiCamError) as refused:
        Settings.load(tmp_path, {}).change({"viewers_max": 3})
    assert_french(str(refused.value))
