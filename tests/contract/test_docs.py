"""Documentation that fails the build when it is stale."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_cam import cli, settings
from pi_cam.setting_rows import SETTINGS
from pi_cam.transport import websocket
from web.ui.server_sentences import SENTENCES

HERE = Path(__file__).parents[2]
PROTOCOL = (HERE / "docs/protocol.md").read_text("utf-8")


def commands(parser: argparse.ArgumentParser, name: str = "pi-cam") -> Iterator[str]:
    """Every command that can be given, as a person types it."""
    deeper = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not deeper:
        yield name
    for action in deeper:
        for word, child in action.choices.items():
            yield from commands(child, f"{name} {word}")


def message_types() -> set[str]:
    """Those that `websocket.py` knows: what `_dispatch` compares with, and what `_send` is told to send."""
    found = set()
    for node in ast.walk(ast.parse(Path(websocket.__file__).read_text("utf-8"))):
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and node.left.id == "kind":
            found |= {one.value for one in node.comparators if isinstance(one, ast.Constant)}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_send":
            found |= {one.value for one in node.args[:1] if isinstance(one, ast.Constant)}
    return {word for word in found if isinstance(word, str)}


def test_settings_are_those_of_the_program() -> None:
    assert (HERE / "docs/settings.md").read_text("utf-8") == settings.markdown(), "run `make docs`"


def test_the_search_for_message_types_finds_them() -> None:
    assert message_types() >= {"offer", "candidate", "clock", "bye", "hello", "answer", "state", "end", "error"}


@pytest.mark.parametrize("word", sorted(message_types()))
def test_every_message_type_is_described(word: str) -> None:
    assert f"| `{word}` |" in PROTOCOL


CLOSE_CODES = {name: value for name, value in vars(websocket).items() if name.startswith("CLOSE_")}


@pytest.mark.parametrize("name", CLOSE_CODES)
def test_every_close_code_is_described(name: str) -> None:
    assert f"| {CLOSE_CODES[name]} |" in PROTOCOL


def test_no_close_code_is_described_that_does_not_exist() -> None:
    described = {int(code) for code in re.findall(r"^\| (4\d{3}) \|", PROTOCOL, re.MULTILINE)}
    assert described == set(CLOSE_CODES.values())


def test_the_limits_are_those_of_the_program() -> None:
    assert f"subprotocol `{websocket.SUBPROTOCOL}`" in PROTOCOL
    assert f"at most {websocket.MAX_MESSAGE_BYTES // 1024} KiB" in PROTOCOL


@pytest.mark.parametrize("command", list(commands(cli._parser())))
def test_every_command_stands_in_the_readme(command: str) -> None:
    assert command in (HERE / "README.md").read_text("utf-8")


TUNNEL = (HERE / "docs/tunnel.md").read_text("utf-8")


def test_the_tunnels_guide_names_what_is_said() -> None:
    table = TUNNEL.partition("## When it does not come up")[2].partition("## What it may reach")[0]
    said = [row.split("|")[1].strip().removeprefix("… ") for row in table.splitlines() if row.startswith("| ")][1:]
    assert len(said) > 8
    shown = [re.sub(r"%\(\w+\)s", "cloudflared", sentence) for sentence in SENTENCES]
    unknown = [start for start in said if not any(start in sentence for sentence in shown)]
    assert unknown == ["connected, but the browser shows error 1033 or 530"]


def test_the_tunnels_guide_names_settings_that_there_are() -> None:
    named = set(re.findall(r"PI_CAM_\w+", TUNNEL))
    assert named
    assert named <= {row.variable for row in SETTINGS}
    assert (HERE / "cloudflared.yml").is_file()
