"""The portal as it is deployed: on a shared host, and behind nginx, where people try what they should not."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from tests import nginx
from tests.portal import deployed
from tests.portal.conftest import SECRET
from tests.portal.deployed import UNIT, Front, directives
from tests.portal.post_office import PostOffice, free_port
from tests.portal.remote import NAME, Remote
from tests.portal.speaking import Speaker
from tests.portal.test_devices import ZOE, pair
from tests.portal.visitor import URL, Visitor
from tests.prerequisites import require
from web.portal.accounts.models import SignIn
from web.portal.app import MAX_BODY_BYTES
from web.portal.headers import HSTS_SECONDS

LONGER = pytest.mark.timeout(180)
CANARY = "canary-in-the-path"
AT_ONCE = 100
"""Connections of one address, in nginx.conf."""


def environment(database_url: str, office: PostOffice, **more: str) -> dict[str, str]:
    return {
        "PORTAL_URL": URL,
        "DATABASE_URL": database_url,
        "PORTAL_SECRET_KEY": SECRET,
        "MAIL_URL": f"smtp://127.0.0.1:{office.port}",
        "PORTAL_BCRYPT_COST": "10",
        **more,
    }


@pytest.fixture(scope="module")
def shared_host(tmp_path_factory: pytest.TempPathFactory, database_url: str, _office: PostOffice) -> Iterator[Remote]:
    _require_uwsgi()
    with deployed.uwsgi(tmp_path_factory.mktemp("shared"), environment(database_url, _office)) as port:
        yield Remote(port, told=True)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, database_url: str, _office: PostOffice) -> Iterator[Front]:
    require("nginx (apt install nginx-light)", Path(nginx.PROGRAM).exists())
    folder = tmp_path_factory.mktemp("debian")
    settings = environment(database_url, _office, PORTAL_PROXIES="1")
    with deployed.gunicorn(folder, settings) as server, deployed.nginx_in_front(folder, server.socket) as made:
        yield made


@pytest.fixture
def behind_nginx(front: Front) -> Remote:
    return Remote(front.https, trust=front.certificate)


def _require_uwsgi() -> None:
    require("uWSGI (apt install uwsgi-core uwsgi-plugin-python3)", deployed.UWSGI is not None)
    require("a system's Python of the same version", deployed.same_python())


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
    _require_uwsgi()
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


def test_nobody_is_there_under_another_name(front: Front) -> None:
    assert status(ask(front, b"GET /healthz HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n")) == 421
    context = ssl.create_default_context(cafile=front.certificate)
    context.check_hostname = False
    with socket.create_connection(("127.0.0.1", front.https), 5) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="evil.test")


SMUGGLED = b"GET /ui/static/base.css HTTP/1.1\r\nHost: portal.test\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(SMUGGLED)
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "heads",
    [
        LENGTH + CHUNKED,
        CHUNKED + LENGTH,
        CHUNKED + CHUNKED,
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length: 0\r\n" + LENGTH,
        b"Content-Length: +5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: -1\r\n",
        b"Host: evil.test\r\n",
        b"X: a\x00b\r\n",
    ],
    ids=repr,
)
def test_what_two_servers_could_read_in_two_ways_is_refused(front: Front, heads: bytes) -> None:
    """RFC 9112, section 11.2: nothing behind such a head may become a request of its own."""
    said = ask(front, b"POST /signout HTTP/1.1\r\nHost: portal.test\r\n" + heads + b"\r\n0\r\n\r\n" + SMUGGLED)
    assert status(said) in (400, 501)
    assert len(re.findall(rb"HTTP/1\.1 \d{3}", said)) == 1


def test_files_of_the_pages_lead_nowhere_else(front: Front) -> None:
    paths = [
        f"{start}{way}{end}"
        for start in ("/portal/", "/ui/static/", "/ui/player/")
        for way in (
            "../",
            "..%2f",
            "%2e%2e/",
            "%2e%2e%2f",
            "..\\",
            "..%5c",
            "..%252f",
            "./../",
            "x/../../",
            "/",
            "%00/",
        )
        for end in ("templates/portal/signin.html", "wsgi.py", "__init__.py", "../../setup.py", "etc/passwd")
    ]
    assert len(paths) > 100
    for path in paths:
        said = ask(front, f"GET {path} HTTP/1.1\r\nHost: portal.test\r\nConnection: close\r\n\r\n".encode())
        assert status(said) in (308, 400, 404), path  # 308: to the same without the second slash, which is tried, too
        assert not re.search(rb"{%|import |root:", said), path


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


@LONGER
def test_who_is_slow_holds_nobody_up_and_is_cut(behind_nginx: Remote, front: Front) -> None:
    """Somebody with one address and many connections; others come from another."""
    heads = b"POST /signin HTTP/1.1\r\nHost: portal.test\r\nContent-Length: 60000\r\n"
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(front, "127.0.0.2")) for _ in range(AT_ONCE + 40)]
        for number, connection in enumerate(slow):
            connection.sendall(heads + (b"\r\nx" if number >= 20 else b"X-Slow: "))
        for _ in range(3):
            begun = time.monotonic()
            assert behind_nginx.test_client().get("/signin", base_url=URL).status_code == 200
            assert time.monotonic() - begun < 2, "it has threads to spare"
        deadline, said = time.monotonic() + 20, []
        for connection in slow:
            connection.settimeout(max(0.1, deadline - time.monotonic()))
            said.append(connection.recv(100)[9:12])
    assert said.count(b"429") == 20
    assert set(said) <= {b"429", b"408", b""}


def connect(front: Front, source: str = "127.0.0.1") -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=front.certificate)
    plain = socket.create_connection(("127.0.0.1", front.https), 10, (source, 0))
    return context.wrap_socket(plain, server_hostname=NAME)


def ask(front: Front, request: bytes) -> bytes:
    """All that is answered to these bytes, until nothing more comes."""
    said = b""
    with connect(front) as connection:
        connection.sendall(request)
        connection.settimeout(1.5)
        try:
            while piece := connection.recv(65_536):
                said += piece
        except (TimeoutError, ssl.SSLError, ConnectionError):
            pass
    return said


def status(said: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3})", said)
    assert found, said[:200]
    return int(found[1])


def test_the_unit_is_sandboxed_as_systemd_sees_it() -> None:
    require("systemd-analyze (apt install systemd)", Path("/usr/bin/systemd-analyze").exists())
    for unit in (UNIT, UNIT.with_name("camera-portal-backup.service")):
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
