"""The database goes away, the mail server goes away, the settings are missing: words, nothing half done, and back again."""

from __future__ import annotations

import io
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select

from tests.portal import mariadb
from tests.portal.conftest import SECRET, Build
from tests.portal.mariadb import MariaDb
from tests.portal.post_office import PostOffice, free_port
from tests.portal.visitor import PASSWORD, Visitor
from tests.prerequisites import require
from web.portal import migrate
from web.portal.accounts.models import SignIn, User
from web.portal.database import db, engine_for
from web.portal.settings import MailServer

ZOE = "zoe@example.org"
HERE = Path(__file__).parents[2]
MAIL_GONE = {"en": "No mail can be sent at the moment", "fr": "Aucun message ne peut partir en ce moment"}
SOCKETS_LEFT = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""PyMySQL leaves the socket of a connection that failed to the collector."""
DATABASE_GONE = {"en": "cannot reach its database", "fr": "ne joint pas sa base de données"}


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[MariaDb]:
    """One that may be stopped."""
    require("MariaDB (apt install mariadb-server-core)", mariadb.PROGRAM is not None)
    with mariadb.running(tmp_path) as server:
        engine = engine_for(server.create("portal"))
        migrate.up(engine)
        engine.dispose()
        yield server


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # PyMySQL leaves its socket to the collector
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_database_goes_and_comes_back(
    own_server: MariaDb, build: Build, office: PostOffice, how: signal.Signals
) -> None:
    app = build(database_url=own_server.url("portal"))
    zoe = {language: Visitor(app, office, language=language) for language in ("en", "fr")}
    for language, visitor in zoe.items():
        visitor.join(f"{language}.{ZOE}")
    own_server.stop(how)
    for language, visitor in zoe.items():
        stranger = Visitor(app, office, language=language)
        for response in (
            visitor.get("/account"),
            visitor.send("POST", "/account/password", data={"form_token": visitor.token}),
            stranger.post("/signup", email="new@example.org", password=PASSWORD),
            stranger.post("/signin", email=ZOE, password=PASSWORD),
            stranger.post("/forgot", email=ZOE),
        ):
            assert response.status_code == 503
            assert DATABASE_GONE[language] in response.text.replace("&#39;", "'")
            assert response.headers["Retry-After"] == "30"
            assert f'lang="{language}"' in response.text
        assert stranger.get("/signin").status_code == 200
        assert stranger.get("/ui/static/base.css").status_code == 200
        assert stranger.get("/healthz").json == {"status": "ok"}
    assert office.to("new@example.org") == []
    own_server.start()
    for visitor in zoe.values():
        assert visitor.is_in()
    assert Visitor(app, office).join("new@example.org").is_in()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_mail_server_goes_and_nothing_is_half_done(
    build: Build, office: PostOffice, engine: Engine, language: str
) -> None:
    app = build(mail=MailServer("127.0.0.1", free_port(), encrypted=False, user=None, password=None))
    with_mail = build()
    Visitor(with_mail, office).join(ZOE)
    stranger = Visitor(app, office, language=language)
    for path in ("/signup", "/forgot", "/confirm"):
        for email in (ZOE, "nobody@example.org"):
            response = stranger.post(path, email=email, password=PASSWORD)
            assert response.status_code == 503, path
            assert MAIL_GONE[language] in response.text
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(User)).scalar_one() == 1


def test_what_needs_no_mail_goes_on_without(build: Build, office: PostOffice) -> None:
    Visitor(build(), office).join(ZOE)
    app = build(mail=MailServer("127.0.0.1", free_port(), encrypted=False, user=None, password=None))
    zoe = Visitor(app, office)
    assert zoe.sign_in(ZOE).status_code == 303
    new = "seven tall trees in the rain"
    assert zoe.post("/account/password", current=PASSWORD, password=new).headers["Location"] == "/account"
    assert Visitor(app, office).sign_in(ZOE, new).status_code == 303


@pytest.mark.parametrize("said", [b"", b"220 hello\r\n", b"554 no\r\n", b"\xff\xfe\r\n" * 50, b"220 " + b"x" * 70_000])
def test_a_mail_server_that_talks_nonsense(build: Build, office: PostOffice, said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(said)

        thread = Thread(target=answer)
        thread.start()
        mail = MailServer("127.0.0.1", server.getsockname()[1], encrypted=False, user=None, password=None)
        response = Visitor(build(mail=mail), office).sign_up(ZOE)
        thread.join()
    assert response.status_code == 503
    assert MAIL_GONE["en"] in response.text


def test_a_password_for_the_mail_server_does_not_travel_in_clear(build: Build, office: PostOffice) -> None:
    """The catcher offers no encryption; it is on this machine, but under an address that is not known as such."""
    mail = MailServer("127.0.0.2", office.port, encrypted=False, user="portal", password="canary-secret")
    assert Visitor(build(mail=mail), office).sign_up(ZOE).status_code == 503


@SOCKETS_LEFT
def test_no_secret_stands_in_a_log(
    build: Build, office: PostOffice, own_server: MariaDb, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app = build(database_url=own_server.url("portal"))
    zoe = Visitor(app, office).join(ZOE)
    zoe.post("/forgot", email=ZOE)
    link = office.link(ZOE)
    Visitor(app, office).sign_in(ZOE, "wrong canary password")
    cookie = zoe.client.get_cookie("__Host-sid", domain="portal.test")
    own_server.stop(signal.SIGKILL)
    zoe.get("/account")
    Visitor(app, office).sign_in(ZOE, "wrong canary password")
    said = "\n".join(one.getMessage() for one in caplog.records if one.name != "mail.log")  # that is the catcher's
    assert "the database did not answer" in said
    assert "signed in from 192.0.2.7" in said
    assert re.search(r"a wrong password for user \d+ from 192.0.2.7", said)
    assert cookie is not None
    for canary in (PASSWORD, "wrong canary", ZOE, link.rpartition("/")[2], cookie.value, SECRET):
        assert canary not in said, canary


def test_two_connections_are_enough_for_a_page(app: Flask, office: PostOffice, engine: Engine) -> None:
    """And none is kept when the answer has left."""
    zoe = Visitor(app, office).join(ZOE)
    for _ in range(40):
        assert zoe.get("/account").status_code == 200
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(SignIn)).scalar_one() == 1
    with app.app_context():
        assert "Current Checked out connections: 0" in db.engine.pool.status()


def test_as_many_at_once_as_a_server_has_threads(build: Build, office: PostOffice) -> None:
    """More than there are connections: nobody waits for one while holding another."""
    app = build(bcrypt_cost=8)
    barrier = Barrier(20)

    def try_it(number: int) -> int:
        stranger = Visitor(app, office)
        stranger.get("/signin")
        barrier.wait()
        data = {"form_token": stranger.token, "email": f"{number}@example.org", "password": PASSWORD}
        return stranger.send("POST", "/signin", data=data).status_code

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(try_it, range(20))) == {401}


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    good = {
        "PATH": os.environ["PATH"],
        "PORTAL_URL": "https://portal.example.org",
        "DATABASE_URL": "mysql+pymysql://portal:pw@127.0.0.1/portal",
        "PORTAL_SECRET_KEY": SECRET,
        "MAIL_URL": "smtp://127.0.0.1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "gunicorn", "--no-control-socket", "-b", "127.0.0.1:0", "web.portal.wsgi:app"],
        cwd=HERE,
        env=good | environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    "wrong",
    [{"PORTAL_SECRET_KEY": ""}, {"PORTAL_SECRET_KEY": "changeme" * 6}, {"DATABASE_URL": "sqlite:////tmp/x.db"}],
    ids=str,
)
def test_it_does_not_start_in_production_with_poor_settings(wrong: dict[str, str]) -> None:
    done = start(**wrong)
    assert done.returncode != 0
    assert f"The portal cannot start. {next(iter(wrong))} " in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("The portal cannot start") == 1


def test_mails_on_the_terminal(build: Build, office: PostOffice, capsys: pytest.CaptureFixture[str]) -> None:
    app = build(mail=None)
    Visitor(app, office).sign_up(ZOE)
    said = capsys.readouterr().out
    assert f"mail to {ZOE}: Confirm your address" in said
    assert "/confirm/" in said
    assert io.StringIO(said).readline() == "\n"
