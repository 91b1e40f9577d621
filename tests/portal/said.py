"""Every sentence that the portal says: in its templates, its modules for browsers, and its Python."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.extract import extract
from jinja2.ext import babel_extract

import web.portal
from web.ui import texts

PORTAL = Path(web.portal.__file__).parent
SAYING = {
    "Refused",
    "NotSignedIn",
    "NotAllowed",
    "NotFound",
    "NotFresh",
    "TooManyTries",
    "Unavailable",
    "MailUnavailable",
    "BadLink",
    "flash",
    "NavigationItem",
}
"""Calls whose texts reach a person's page: the errors, and notes for the next page."""
OPERATORS = {"settings.py", "operator.py"}
"""What they say is for whoever runs the portal."""


def used() -> dict[str, set[str]]:
    """Each sentence, and the files that say it; without those that the shared pages have in their own catalogue."""
    found: dict[str, set[str]] = {}
    for sentence, file in (*_templates(), *_modules(), *_python()):
        found.setdefault(sentence, set()).add(file)
    shared = {str(one.id) for one in texts.catalogue("en") if one.id}
    return {sentence: files for sentence, files in found.items() if sentence not in shared}


def _templates() -> Iterator[tuple[str, str]]:
    for path in [*PORTAL.glob("templates/**/*.html"), *PORTAL.glob("templates/**/*.txt")]:
        with path.open("rb") as file:
            messages: Any = babel_extract(file, ["_"], [], {"silent": "false"})
            for _, _, sentence, _ in messages:
                said = sentence[0] if isinstance(sentence, tuple) else sentence
                if said:  # else a value that Python hands over
                    yield said, str(path.relative_to(PORTAL))


def _modules() -> Iterator[tuple[str, str]]:
    for path in PORTAL.glob("static/*.js"):
        with path.open("rb") as file:
            for _, sentence, *_ in extract("javascript", file, {"text": None}, [], {}):
                assert isinstance(sentence, str)
                yield sentence, str(path.relative_to(PORTAL))


def _python() -> Iterator[tuple[str, str]]:
    trees = {path: ast.parse(path.read_text("utf-8")) for path in PORTAL.rglob("*.py")}
    constants = {name: value for tree in trees.values() for name, value in _constants(tree)}
    for path, tree in trees.items():
        if path.name in OPERATORS:
            continue
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in SAYING:
                for argument in call.args:
                    sentence = _text(argument, constants)
                    if sentence and " " in sentence:
                        yield sentence, str(path.relative_to(PORTAL))
        for name, value in _constants(tree):
            if value.endswith(".") and " " in value and "\n" not in value:
                yield value, str(path.relative_to(PORTAL))
            assert name


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from ((ast.unparse(target), node.value.value) for target in node.targets)


def _text(argument: ast.expr, constants: dict[str, str]) -> str | None:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    if isinstance(argument, ast.Name | ast.Attribute):
        return constants.get(ast.unparse(argument).rpartition(".")[2])
    return None
