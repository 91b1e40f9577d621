"""How cloudflared takes its configuration, ends and comes back: with the program that stands in for it, or with the real one
(`make test-cloudflared CLOUDFLARED=path`), which reaches no Cloudflare from the tests' network."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_cam.errors import SettingError
from pi_cam.remote import cloudflared
from pi_cam.remote.cloudflared import Cloudflared
from pi_cam.remote.tunnel import Tunnel
from pi_cam.remote.tunnel_plan import Plan, make_plan
from pi_cam.settings import Settings
from tests.tunnels import CANARY, HOST, REAL, TUNNEL, Fake, command_line, descendants, lives, put_secret, until

TRIED_SECONDS = 30.0


@pytest.fixture
def program(tmp_path: Path) -> str:
    return str(Path(REAL).absolute()) if REAL else str(Fake(tmp_path / "program").path)


@pytest.fixture
def settings(tmp_path: Path, program: str) -> Settings:
    put_secret(tmp_path)
    return Settings({"tunnel": "named", "tunnel_host": HOST, "tunnel_program": program})


@pytest.fixture
def plan(tmp_path: Path, settings: Settings) -> Plan:
    return make_plan(settings, tmp_path, 8081)


def children() -> list[int]:
    return [pid for pid in descendants(os.getpid()) if " run" in command_line(pid)]


def test_it_says_its_version(program: str) -> None:
    assert cloudflared.version(Plan("quick", program, Path("/"), 1))[:2] == "20"


def test_what_we_write_is_taken(tmp_path: Path, plan: Plan) -> None:
    cloudflared.validate(plan, cloudflared.write_configuration(plan, tmp_path / "x", 20241))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  - service: http_status:404\n", ""),
        ('"http://127.0.0.1:8081"', '"http://127.0.0.1:8081/path"'),
        (f'"{HOST}"', f'"{HOST}:80"'),
        (f'"{HOST}"', '"cam*.example.org"'),
    ],
    ids=["no catch-all", "path", "port", "wildcard"],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, plan: Plan, old: str, new: str) -> None:
    path = cloudflared.write_configuration(plan, tmp_path / "x", 20241)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(SettingError, match="cloudflared refuses its configuration"):
        cloudflared.validate(plan, path)


def test_a_key_that_it_does_not_know_is_an_error_of_ours(tmp_path: Path, plan: Plan) -> None:
    path = cloudflared.write_configuration(plan, tmp_path / "x", 20241)
    path.write_text(path.read_text().replace("    service:", "    originRequests: {}\n    service:"))
    with pytest.raises(SettingError, match="does not know a part of its configuration"):
        cloudflared.validate(plan, path)


@pytest.fixture
def running(tmp_path: Path, settings: Settings) -> Iterator[Tunnel]:
    tunnel = Tunnel(settings, tmp_path, 8081, lambda *_, **__: None, jitter=lambda: 0.5)
    tunnel.start()
    yield tunnel
    tunnel.stop()
    assert children() == []


def test_it_is_started_and_comes_back_after_a_kill(running: Tunnel) -> None:
    (first,) = until(children, TRIED_SECONDS)
    assert CANARY not in command_line(first)
    if lives(first):  # the real one ends by itself where there is no network
        os.kill(first, signal.SIGKILL)
    again = until(lambda: [pid for pid in children() if pid != first], TRIED_SECONDS)
    assert len(again) == 1
    assert int(str(running.state()["restarts"])) >= 1


def test_it_ends_at_once(plan: Plan) -> None:
    child = Cloudflared(plan, lambda: None)
    time.sleep(0.3)
    began = time.monotonic()
    child.stop(0.8)
    assert time.monotonic() - began < 2
    assert child.status() is not None
    assert children() == []


def test_its_rules_name_the_tunnel(plan: Plan) -> None:
    assert plan.tunnel == TUNNEL
