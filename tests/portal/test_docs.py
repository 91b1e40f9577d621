"""docs/portal.md fails the build when it is stale."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from web.portal import settings, throttle, turn
from web.portal.accounts import links, sessions
from web.portal.database import Base
from web.portal.rules import FRESH_SECONDS, rule_of

HERE = Path(__file__).parents[2]
PAGE = (HERE / "docs/portal.md").read_text("utf-8")
ROW = re.compile(r"^\| (`.+?`) \| (.+?) \| (.+) \|$", re.MULTILINE)
SEPARATOR = re.compile(r"\|(\s*:?-+:?\s*\|)+")
BAR = re.compile(r"(?<!\\)\|")
DOCUMENTS = sorted([*HERE.glob("docs/**/*.md"), *HERE.glob("README*.md")])


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_setting_is_described_and_no_other() -> None:
    source = "".join(Path(str(module.__file__)).read_text("utf-8") for module in (settings, turn))
    read = set(re.findall(r'environment(?:\.get\(|, )"([A-Z_]+)"', source))
    assert len(read) == 14
    assert {name.strip("`") for name, _, _ in ROW.findall(section("Settings"))} == read


def test_every_route_is_described_with_who_may(app: Flask) -> None:
    described = {
        path: who for paths, who, _ in ROW.findall(section("Routes")) for path in re.findall(r"`([^`]+)`", paths)
    }
    true = {rule.rule: rule_of(app.view_functions[rule.endpoint]) for rule in app.url_map.iter_rules()}
    assert described == true


def test_every_table_is_described() -> None:
    assert {name.strip("`") for name, _, _ in ROW.findall(section("Tables"))} == set(Base.metadata.tables)


def test_what_it_says_of_limits_is_so() -> None:
    assert (throttle.FREE_TRIES, throttle.LONGEST.total_seconds(), FRESH_SECONDS) == (5, 60, 900)
    assert [one.total_seconds() / 60 for one in (sessions.IDLE, sessions.LONGEST)] == [30, 720]
    assert [one.days for one in (sessions.IDLE_REMEMBERED, sessions.LONGEST_REMEMBERED)] == [14, 30]
    assert {purpose: span.total_seconds() / 3600 for purpose, span in links.GOOD_FOR.items()} == {
        "confirm": 48,
        "reset": 1,
        "email": 2,
    }


def tables(text: str) -> Iterator[list[str]]:
    """Rows that stand together, outside of code."""
    rows: list[str] = []
    in_code = False
    for line in [*map(str.strip, text.splitlines()), ""]:
        in_code ^= line.startswith("```")
        if line.startswith("|") and not in_code:
            rows.append(line)
        elif rows:
            yield rows
            rows = []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_table_has_a_head_and_no_row_is_longer_than_it(path: Path) -> None:
    for rows in tables(path.read_text("utf-8")):
        assert len(rows) > 2, rows
        assert SEPARATOR.fullmatch(rows[1]), rows[:2]
        for row in rows:
            assert row.endswith("|"), row
            assert len(BAR.findall(row)) == len(BAR.findall(rows[0])), row


def test_the_portals_page_has_three_tables_and_its_rules_are_one_list() -> None:
    assert len(list(tables(PAGE))) == 3
    rules = section("Rules that the pages do not show").strip()
    assert not re.search(r"\n\n *- ", rules)
