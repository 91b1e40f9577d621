"""Every sentence that a camera's trouble may put on a page is known to the pages, and so has a French form."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pi_cam
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
