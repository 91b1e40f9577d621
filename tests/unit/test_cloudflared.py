"""What is written for cloudflared, and what of its words comes into our log."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.errors import SettingError
from pi_cam.remote import cloudflared, cloudflared_log
from pi_cam.remote.cloudflared_log import LINES_A_WINDOW, WINDOW_SECONDS, Sieve, read
from pi_cam.remote.tunnel_plan import Plan
from tests.tunnels import CANARY, HOST, TUNNEL

GOLDEN = Path(__file__).parents[1] / "golden"
FOLDER = Path("/srv/pi cam/tunnel")
PLANS = {
    "named": Plan("named", "/usr/bin/cloudflared", FOLDER, 8081, HOST, FOLDER / "credentials.json", TUNNEL),
    "token": Plan("token", "/usr/bin/cloudflared", FOLDER, 8081, HOST, FOLDER / "token"),
    "quick": Plan("quick", "/usr/bin/cloudflared", FOLDER, 8081),
}


@pytest.mark.parametrize("way", PLANS)
def test_what_is_written_is_what_was_agreed(way: str) -> None:
    assert cloudflared.configuration(PLANS[way], 20241) == (GOLDEN / f"cloudflared-{way}.yml").read_text("utf-8")


def test_it_is_what_yaml_readers_read() -> None:
    assert yaml.safe_load(cloudflared.configuration(PLANS["named"], 20241)) == {
        "tunnel": TUNNEL,
        "credentials-file": "/srv/pi cam/tunnel/credentials.json",
        "no-autoupdate": True,
        "metrics": "127.0.0.1:20241",
        "management-diagnostics": False,
        "ingress": [{"hostname": HOST, "service": "http://127.0.0.1:8081"}, {"service": "http_status:404"}],
    }


def test_the_template_is_the_projects_own() -> None:
    assert cloudflared.TEMPLATE.resolve() == Path(__file__).parents[2] / "cloudflared.yml"


@given(st.text(min_size=1))
def test_no_path_changes_what_else_is_said(name: str) -> None:
    plan = Plan("named", "/x", FOLDER, 8081, HOST, Path(f"/srv/{name}"), TUNNEL)
    try:
        text = cloudflared.configuration(plan, 20241)
    except SettingError:
        assert not str(plan.secret_file).isprintable()
        return
    read_back = yaml.safe_load(text)
    assert read_back.pop("credentials-file") == str(plan.secret_file)
    plain = yaml.safe_load(cloudflared.configuration(PLANS["named"], 20241))
    plain.pop("credentials-file")
    assert read_back == plain


def test_the_words_after_the_program_hold_no_secret() -> None:
    path = Path("/srv/c.yml")
    assert list(cloudflared._run(PLANS["named"], path)) == ["tunnel", "--config", "/srv/c.yml", "run"]
    assert list(cloudflared._run(PLANS["token"], path))[3:] == ["run", "--token-file", "/srv/pi cam/tunnel/token"]
    assert list(cloudflared._run(PLANS["quick"], path))[3:] == ["--url", "http://127.0.0.1:8081"]


def test_its_environment_has_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TUNNEL_TOKEN", "TUNNEL_LOGLEVEL", "PI_CAM_SOURCE", "HTTP_PROXY"):
        monkeypatch.setenv(name, CANARY)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/own.pem")
    assert set(cloudflared._environment(FOLDER)) == {"PATH", "HOME", "LANG", "SSL_CERT_FILE"}


T = "2026-08-28T10:00:00Z "


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        (
            T + "INF Registered tunnel connection connIndex=0 ip=198.51.100.7",
            logging.INFO,
            "Registered tunnel connection",
        ),
        (T + 'ERR Request failed error="x" dest=https://a.example/?t=1', logging.ERROR, "Request failed"),
        (
            T + "WRN Your version is old, see https://x.example/a?b=c now",
            logging.WARNING,
            "Your version is old, see … now",
        ),
        (T + "INF Settings: map[token:abc]", logging.INFO, "Settings:"),
        (T + 'ERR  error="all of it is in fields" event=1', None, ""),
        (T + "DBG GET / HTTP/1.1 Cookie: sid=1", None, ""),
        (T + "INF Something Cookie: sid=x", logging.INFO, "Something Cookie:"),
        (T + "INF Authorization: Bearer abc", logging.INFO, "Authorization: …"),
        (T + f"INF the secret is {CANARY} indeed", None, ""),
        ("Cookie: sid=1", None, ""),
        ("INF without a time", None, ""),
        ("goroutine 1 [running]:", None, ""),
        ("", None, ""),
        (T + "INF " + "x" * 5000, logging.INFO, "x" * 200),
        (T + "INF a\x1b[2Jb", logging.INFO, "a\ufffd[2Jb"),
    ],
)
def test_only_the_message_comes_through(line: str, level: int | None, message: str) -> None:
    said = read(line, {CANARY})
    assert (said.level, said.message) == (level, message)


BOX = T + "INF |  https://four-plain-words.trycloudflare.com                      |"


@pytest.mark.parametrize(
    ("line", "host"),
    [
        (BOX, "four-plain-words.trycloudflare.com"),
        (BOX.replace("trycloudflare.com ", "trycloudflare.com.evil.example "), None),
        (BOX.replace("https", "http"), None),
        (BOX.replace("four-plain-words", "a.b"), None),
        (T + "ERR Request failed dest=https://evil.trycloudflare.com/ |  https://evil.trycloudflare.com  |", None),
        (T + "INF Requesting new quick Tunnel on trycloudflare.com...", None),
    ],
)
def test_the_name_of_a_quick_tunnel_stands_in_its_box_alone(line: str, host: str | None) -> None:
    assert read(line).host == host


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (
            T + 'ERR Register tunnel error from server side error="Unauthorized: Invalid tunnel secret"',
            cloudflared_log.REFUSED,
        ),
        (
            T + 'ERR Register tunnel error from server side error="Unauthorized: Tunnel not found"',
            cloudflared_log.NOT_KNOWN,
        ),
        (T + 'ERR x error="listen tcp 127.0.0.1:20241: bind: address already in use"', cloudflared_log.PORT_TAKEN),
        ("Provided Tunnel token is not valid.", cloudflared_log.NO_TOKEN),
        (T + 'ERR Request failed error="i/o timeout" dest=https://a.example/unauthorized type=http', None),
        (T + 'ERR  error="Unable to reach the origin" originService=http://127.0.0.1:8081 unauthorized', None),
        (T + 'ERR x error="lookup region1.example: no such host"', cloudflared_log.UNREACHABLE),
        (T + "INF Unauthorized is a word too", None),
        (T + "ERR something else", None),
    ],
)
def test_what_goes_wrong_is_said_in_our_words(line: str, cause: str | None) -> None:
    assert read(line).cause == cause


@given(st.text())
def test_no_line_is_too_odd(line: str) -> None:
    said = read(line, {CANARY})
    assert len(said.message) <= 250
    assert said.message.isprintable()


def test_a_flood_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    clock = [0.0]
    sieve = Sieve(logging.getLogger("pi_cam.remote.test"), lambda: clock[0])
    with caplog.at_level("INFO"):
        for _ in range(1000):
            sieve.pass_on(read(T + "ERR Request failed"))
        assert len(caplog.records) == LINES_A_WINDOW
        clock[0] = WINDOW_SECONDS
        sieve.pass_on(read(T + "INF Registered tunnel connection"))
    assert [vars(record).get("lines") for record in caplog.records[LINES_A_WINDOW:]] == [1000 - LINES_A_WINDOW, None]
