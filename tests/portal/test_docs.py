"""docs/portal.md fails the build when it is stale."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask

from web.portal import settings, throttle, turn
from web.portal.accounts import links, sessions
from web.portal.database import Base
from web.portal.rules import FRESH_SECONDS, rule_of

HERE = Path(__file__).parents[2]
PAGE = (HERE / "docs/portal.md").read_text("utf-8")
ROW = re.compile(r"^\| (`.+?`) \| (.+?) \| (.+) \|$", re.MULTILINE)


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
