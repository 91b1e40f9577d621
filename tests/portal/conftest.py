"""The portal on the real MariaDB, with a real mail server; each test begins with empty tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import BytecodeCache, FileSystemBytecodeCache
from playwright.sync_api import Playwright, sync_playwright
from sqlalchemy import Engine

from tests import network, nginx
from tests.e2e.conftest import CHROMIUM
from tests.portal import deployed, mariadb
from tests.portal.deployed import Front
from tests.portal.mariadb import MariaDb
from tests.portal.post_office import PostOffice, open_post_office
from tests.portal.remote import Remote
from tests.portal.served import served
from tests.portal.visitor import URL, Visitor
from tests.prerequisites import require
from web.portal import migrate
from web.portal.app import create_app
from web.portal.database import Base, db, engine_for
from web.portal.settings import MailServer, Settings

SECRET = "3mV9rT-qLw2ZxKp7aNcYfJd8eGhUs5oBiE4t"


class Hands:
    """A clock that is set by hand; it starts at the true time."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.moment

    def on(self, **much: float) -> None:
        self.moment += timedelta(**much)


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    require("MariaDB (apt install mariadb-server-core)", mariadb.PROGRAM is not None)
    with mariadb.running(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(scope="session")
def database_url(mariadb_server: MariaDb) -> str:
    url = mariadb_server.create("portal")
    engine = engine_for(url)
    migrate.up(engine)
    engine.dispose()
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Of the test itself, beside those of the application."""
    engine = engine_for(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def _office() -> Iterator[PostOffice]:
    with open_post_office() as office:
        yield office


@pytest.fixture
def office(_office: PostOffice) -> PostOffice:
    _office.begin_anew()
    return _office


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def settings(database_url: str, office: PostOffice) -> Settings:
    return Settings(
        environment="production",
        url=URL,
        database_url=database_url,
        secret=SECRET,
        mail=MailServer("127.0.0.1", office.port, encrypted=False, user=None, password=None),
        mail_from="portal@portal.test",
        contact="mailto:security@portal.test",
        bcrypt_cost=4,
    )


@pytest.fixture(scope="session")
def _templates(tmp_path_factory: pytest.TempPathFactory) -> BytecodeCache:
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


Build = Callable[..., Flask]


@pytest.fixture
def build(settings: Settings, hands: Hands, engine: Engine, _templates: BytecodeCache) -> Iterator[Build]:
    """Makes an application; `settings` may be changed by name."""
    with engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
    made: list[Flask] = []

    def make(address_limit: str = "1000 per minute", **changed: object) -> Flask:
        app = create_app(replace(settings, **changed), clock=hands, address_limit=address_limit)  # type: ignore[arg-type]
        app.jinja_env.bytecode_cache = _templates  # compiled once for all applications
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def app(build: Build) -> Flask:
    return build()


@pytest.fixture
def visitor(app: Flask, office: PostOffice) -> Visitor:
    return Visitor(app, office)


@pytest.fixture
def zoe(visitor: Visitor) -> Visitor:
    """Somebody who has an account, and is signed in."""
    return visitor.join("zoe@example.org")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    require("Chromium (apt install chromium)", Path(CHROMIUM).exists())
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    with sync_playwright() as running:
        yield running


@pytest.fixture
def site(build: Build, settings: Settings, office: PostOffice, tmp_path: Path) -> Iterator[str]:
    """A served portal, over the tables that `build` has emptied."""
    environment = {
        "DATABASE_URL": settings.database_url,
        "PORTAL_SECRET_KEY": SECRET,
        "MAIL_URL": f"smtp://127.0.0.1:{office.port}",
    }
    with served(tmp_path / "portal.log", environment) as url:
        yield url


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
    deployed.require_uwsgi()
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
