"""A copy downloaded and brought back by the pages: by the owner, at home, and by nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pi_cam.keeping import sealed
from pi_cam.keeping.backup import READY, STAGED
from pi_cam.keeping.beside import LARGEST
from pi_cam.keeping.settling import settle
from pi_cam.listeners import ENVIRON_KEY
from tests.contract.application import NAME, OWN, PASSWORD, Application, running
from tests.contract.setting_up import fields

PASSPHRASE = "drei grüne Türen am Haus"
TUNNEL = {ENVIRON_KEY: "tunnel"}
OCTETS = {**OWN, "Content-Type": "application/octet-stream"}


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Application]:
    with running(tmp_path / "one") as application:
        application.owner()
        yield application


def download(client: FlaskClient, passphrase: str = PASSPHRASE, again: str | None = None) -> TestResponse:
    page = client.get("/backup").get_data(as_text=True).replace('action="/backup"', 'action="/setup"')
    given = {"passphrase": passphrase, "again": passphrase if again is None else again}
    return client.post("/backup", data={**fields(page), **given})


def upload(client: FlaskClient, data: bytes, passphrase: str = PASSPHRASE, **more: object) -> TestResponse:
    body = passphrase.encode() + b"\n" + data
    return client.post("/api/v1/restore", data=body, headers=OCTETS, **more)


def test_what_was_downloaded_comes_back_on_another_camera(one: Application, tmp_path: Path) -> None:
    one.services.settings.change({"connect_seconds": 7.0})
    answer = download(one.owner())
    assert (answer.status_code, answer.mimetype) == (200, "application/octet-stream")
    assert "attachment; filename=pi-cam-" in answer.headers["Content-Disposition"]
    began: list[str] = []
    other = tmp_path / "other"
    with running(other) as application:
        application.app.accounts.create_owner("Grace", "another door behind the house")
        application.services.keeping._again = lambda: began.append("anew")
        identity = application.services.device_id
        assert upload(application.owner(), answer.data).status_code == 202
        assert began == ["anew"]
        assert identity != one.services.device_id
    settle(other)
    with running(other) as application:
        assert application.services.device_id == one.services.device_id
        assert application.services.settings.number("connect_seconds") == 7
        assert application.client().post("/login", data={"name": NAME, "password": PASSWORD}).status_code in (302, 303)


def test_a_second_copy_takes_the_place_of_one_that_lies_ready(one: Application, tmp_path: Path) -> None:
    data = download(one.owner()).data
    for _ in range(2):
        assert upload(one.owner(), data).status_code == 202
    assert (tmp_path / "one" / READY).is_dir()
    assert not (tmp_path / "one" / STAGED).exists()


@pytest.mark.parametrize(
    ("data", "passphrase", "why"),
    [
        (b"not a backup", PASSPHRASE, "no backup"),
        (b"pi-cam-backup 2\n", PASSPHRASE, "newer version"),
        (b"pi-cam-backup 1\n{}\n", PASSPHRASE, "no backup"),
        (sealed.seal({"settings.json": b"{}"}, PASSPHRASE), PASSPHRASE, "no backup"),
        (sealed.seal({"settings.json": b"{}"}, PASSPHRASE), "another passphrase", "passphrase is wrong"),
        (b"", "", "Type the passphrase"),
        (b"", "x" * 2000, "Type the passphrase"),
    ],
    ids=["text", "newer", "cut", "half", "wrong", "none", "long"],
)
def test_what_is_none_changes_nothing(one: Application, tmp_path: Path, data: bytes, passphrase: str, why: str) -> None:
    answer = upload(one.owner(), data, passphrase)
    assert answer.status_code == 422
    assert why in answer.get_json()["detail"]
    assert not (tmp_path / "one" / READY).exists()
    assert not (tmp_path / "one" / STAGED).exists()


def test_one_that_is_too_large_is_not_read(one: Application) -> None:
    assert upload(one.owner(), bytes(LARGEST + 2000)).status_code == 413


def test_only_the_owner(one: Application) -> None:
    member = one.user("Bob", {"main": ["view"]})
    token = one.token("configure")
    for client, headers in ((member, {}), (one.client(), token)):
        assert client.get("/backup", headers=headers).status_code == 403
        assert client.post("/api/v1/restore", data=b"x\ny", headers={**OCTETS, **headers}).status_code == 403
    assert one.client().get("/backup").status_code in (302, 401)
    assert one.client().post("/api/v1/restore", data=b"x\ny", headers=OCTETS).status_code == 401


def test_only_at_home_and_from_our_own_page(one: Application) -> None:
    owner = one.owner()
    assert owner.get("/backup", environ_overrides=TUNNEL).status_code in (400, 404)
    assert upload(owner, b"x", environ_overrides=TUNNEL).status_code in (400, 404)
    assert owner.post("/backup", data={"passphrase": PASSPHRASE, "again": PASSPHRASE}).status_code == 403
    foreign = {"Content-Type": "application/octet-stream"}
    assert owner.post("/api/v1/restore", data=b"x\ny", headers=foreign).status_code == 403


@pytest.mark.parametrize(
    ("passphrase", "again", "why"), [("short", "short", "at least 12"), (PASSPHRASE, "other", "not the same")]
)
def test_a_passphrase_that_makes_no_sense_is_said(one: Application, passphrase: str, again: str, why: str) -> None:
    answer = download(one.owner(), passphrase, again)
    assert answer.status_code == 422
    assert why in answer.get_data(as_text=True)


def test_the_page_of_the_device_leads_there(one: Application) -> None:
    assert 'href="/backup"' in one.owner().get("/system").get_data(as_text=True)
