"""The portal as it is deployed: on a shared host, and behind nginx, by the files of `deploy/portal`."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from tests.portal import deployed
from tests.portal.deployed import UNIT, Front, directives
from tests.portal.post_office import PostOffice, free_port
from tests.portal.remote import Remote
from tests.portal.speaking import Speaker
from tests.portal.test_devices import ZOE, pair
from tests.portal.visitor import URL, Visitor
from tests.prerequisites import require
from web.portal.accounts.models import SignIn
from web.portal.app import MAX_BODY_BYTES
from web.portal.headers import HSTS_SECONDS

LONGER = pytest.mark.timeout(180)
CANARY = "canary-in-the-path"


def walk(app: Flask, office: PostOffice) -> Visitor:
    """From signing up to the camera in the list."""
    zoe, device = Visitor(app, office).join(ZOE), Speaker(app)
    pair(zoe, device)
    listed = zoe.get("/cameras").text
    assert "Front door" in listed
    assert "Online" in listed
    return zoe


@LONGER
@pytest.mark.usefixtures("build")
def test_from_signing_up_to_pairing_on_a_shared_host(shared_host: Remote, office: PostOffice, engine: Engine) -> None:
    site = replace(shared_host, sent={"X-Forwarded-For": "198.51.100.77"})
    zoe = walk(site.as_application(), office)
    assert office.to(ZOE)[0].get_content().count(f"{URL}/confirm/") == 1
    with engine.connect() as connection:
        assert set(connection.execute(select(SignIn.address)).scalars()) == {zoe.address}, "what the host says counts"


@pytest.mark.usefixtures("build")
def test_a_shared_host_takes_no_more_than_the_portal_would(shared_host: Remote) -> None:
    client = shared_host.test_client()
    try:
        answer = client.post("/signin", base_url=URL, data=b"x" * (MAX_BODY_BYTES + 1))
    except ConnectionError:  # uWSGI does not listen to the end
        pass
    else:
        assert answer.status_code == 413
    assert client.get("/healthz", base_url="https://evil.test").status_code == 400


def test_on_a_shared_host_missing_settings_are_said_and_nothing_serves(tmp_path: Path) -> None:
    deployed.require_uwsgi()
    done = subprocess.run(
        deployed.uwsgi_command(tmp_path, free_port()),
        env={"PATH": "/usr/bin:/bin", "PORTAL_VENV": str(tmp_path / "venv"), "PORTAL_URL": URL},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "The portal cannot start. DATABASE_URL is missing" in done.stderr


@LONGER
@pytest.mark.usefixtures("build")
def test_from_signing_up_to_pairing_behind_nginx(behind_nginx: Remote, office: PostOffice, engine: Engine) -> None:
    """What a client says of itself changes nothing: not its address, nor the portal's name, nor its scheme."""
    lies = {
        "X-Forwarded-For": "198.51.100.77",
        "X-Real-IP": "198.51.100.78",
        "CF-Connecting-IP": "198.51.100.79",
        "Forwarded": "for=198.51.100.80;host=evil.test;proto=http",
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Port": "1",
        "X-Forwarded-Prefix": "/evil",
        "SCRIPT_NAME": "/evil",
        "Script-Name": "/evil",
        "X-Original-URL": "/evil",
    }
    zoe = walk(replace(behind_nginx, sent=lies).as_application(), office)
    assert "evil" not in office.to(ZOE)[0].as_string() + zoe.get("/account").text
    assert zoe.get("/").headers["Location"] == "/account"
    with engine.connect() as connection:
        assert set(connection.execute(select(SignIn.address)).scalars()) == {"127.0.0.1"}


def test_every_answer_says_once_to_come_by_tls(behind_nginx: Remote, front: Front) -> None:
    client = behind_nginx.test_client()
    for path in ("/signin", "/ui/static/base.css", "/nowhere", "/account"):
        answer = client.get(path, base_url=URL)
        assert answer.headers.getlist("Strict-Transport-Security") == [f"max-age={HSTS_SECONDS}"], path
        assert answer.headers["Server"] == "nginx"
        assert "Content-Encoding" not in client.get(path, base_url=URL, headers={"Accept-Encoding": "gzip"}).headers
    largest = client.post("/signin", base_url=URL, data=b"x" * MAX_BODY_BYTES)
    assert "Caméra" in largest.text, "the portal says what it thinks of it"
    large = client.post("/signin", base_url=URL, data=b"x" * (MAX_BODY_BYTES + 1))
    assert large.status_code == 413
    assert large.headers.getlist("Strict-Transport-Security") == [f"max-age={HSTS_SECONDS}"]
    assert "<center>nginx</center>" in large.text, "the portal need not look at it"
    plain = Remote(front.http).test_client()
    for method in ("GET", "POST"):
        sent_on = plain.open("/signin?x=1", method=method, base_url="http://evil.test")
        assert (sent_on.status_code, sent_on.headers["Location"]) == (308, f"{URL}/signin?x=1")
        assert "Set-Cookie" not in sent_on.headers


def test_no_secret_of_a_path_stands_in_a_log(behind_nginx: Remote, front: Front, app: Flask, tmp_path: Path) -> None:
    """Also not as the Referer of what such a page loads, nor when the portal does not answer."""
    links = [rule.rule.replace("<token>", CANARY) for rule in app.url_map.iter_rules() if "<token>" in rule.rule]
    assert len(links) >= 4
    visit(behind_nginx, links)
    lines = (front.logs / "portal.access.log").read_text().splitlines()
    assert len([line for line in lines if re.search(r'GET /(reset|confirm|invitation|account/email)/-" ', line)]) >= 4
    assert any('"GET /pair" ' in line for line in lines)
    assert CANARY not in front.written()
    with deployed.nginx_in_front(tmp_path, tmp_path / "nobody") as alone:
        visit(Remote(alone.https, trust=alone.certificate), links, 502)
        assert '"GET /reset/-" 502' in alone.written()
        assert CANARY not in alone.written() + (tmp_path / "main.log").read_text()


def visit(site: Remote, links: list[str], status_code: int | None = None) -> None:
    client = site.test_client()
    for link in links:
        client.get(f"/%{ord(link[1]):02x}{link[2:]}", base_url=URL)  # %72eset is reset, too
        client.get(link, base_url=URL)
        seen = client.get("/ui/static/base.css", base_url=URL, headers={"Referer": f"{URL}{link}"})
        assert seen.status_code == (status_code or 200)
    client.get(f"/pair?code={CANARY}", base_url=URL)


def test_the_unit_is_sandboxed_as_systemd_sees_it() -> None:
    require("systemd-analyze (apt install systemd)", Path("/usr/bin/systemd-analyze").exists())
    for unit in UNIT.parent.glob("*.service"):
        done = subprocess.run(
            ["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=30", str(unit)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-300:] + done.stderr
    every = sorted([*UNIT.parent.glob("*.service"), *UNIT.parent.glob("*.timer")])
    command = ["systemd-analyze", "verify", "--man=no", *map(str, every)]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    unknown = [line for line in verified.stderr.splitlines() if "not executable" not in line]
    assert unknown == []


def test_what_the_unit_promises_fits_the_portal() -> None:
    said = directives()
    assert said["RestartPreventExitStatus"] == ["3"]
    assert said["EnvironmentFile"] == ["/etc/camera-portal/portal.env"]
    assert said["RuntimeDirectoryMode"] == ["0750"]
    assert "--access-logfile" not in said["ExecStart"][0]
