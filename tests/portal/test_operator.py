"""What whoever runs the portal can do: for people who lost something, and with its keys. Nobody is shown."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select

from pi_cam.trust import entry, portal_keys
from tests.portal.conftest import SECRET, Build, Hands
from tests.portal.post_office import PostOffice, free_port
from tests.portal.speaking import Speaker
from tests.portal.test_devices import MAX, ZOE, other, pair
from tests.portal.test_factors import begin, turn_on
from tests.portal.test_sharing import invite
from tests.portal.visitor import URL, Visitor
from web.portal import operator
from web.portal.accounts.models import RecoveryCode, SignIn, User
from web.portal.devices import signing
from web.portal.devices.models import Device, Epoch, Invitation
from web.portal.settings import MailServer, Settings

HERE = Path(__file__).parents[2]
ANOTHER = "Zq8-vB2nM5kLx0PwRt7YcUj4HgFd1SaEo3Xi"

Captured = pytest.CaptureFixture[str]
Asked = Callable[..., int]


@pytest.fixture
def ask(app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Runs a command as it is typed; `typed` on its standard input."""

    def run(*arguments: str, typed: str = "", of: Flask | None = None, **environment: str) -> int:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        known = {
            "PORTAL_URL": URL,
            "DATABASE_URL": settings.database_url,
            "PORTAL_SECRET_KEY": SECRET,
            "MAIL_URL": "smtp://127.0.0.1",
        }
        return operator.main(list(arguments), known | environment, of or app)

    return run


def test_counts_names_nobody(
    ask: Asked, app: Flask, zoe: Visitor, office: PostOffice, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    turn_on(zoe, hands)
    pair(zoe, Speaker(app))
    Visitor(app, office, "198.51.100.4").sign_up(MAX)
    assert ask("counts") == 0
    said = capsys.readouterr().out
    found = {line[10:]: int(line[:8]) for line in said.splitlines() if line.startswith(" ")}
    assert found == {
        "accounts": 2,
        "accounts that wait for their confirmation": 1,
        "accounts with an authenticator app": 1,
        "accounts with a passkey": 0,
        "browsers in which somebody is signed in": 1,
        "devices": 1,
        "devices that are there now": 1,
        "cameras": 1,
        "people with whom something is shared": 0,
        "invitations that wait": 0,
    }
    assert "signing key: version 1" in said
    assert "example.org" not in said


def test_a_lost_second_factor(ask: Asked, app: Flask, zoe: Visitor, office: PostOffice, hands: Hands) -> None:
    turn_on(zoe, hands)
    for wrong in range(5):
        begin(app, office).post("/signin/code", code=f"00000{wrong}")
    assert ask("clear-second-factor", ZOE, typed=f"{ZOE}\n") == 0
    assert not zoe.is_in(), "whoever was signed in is not"
    letter = office.to(ZOE)[-1]
    assert letter["Subject"] == "The second factor of your account was turned off"
    assert f"{URL}/forgot" in letter.get_content()
    again = Visitor(app, office)
    assert again.sign_in(ZOE).headers["Location"] == "/account"
    turn_on(again, hands)


def test_the_mail_is_in_the_persons_language(ask: Asked, app: Flask, office: PostOffice, hands: Hands) -> None:
    zoe = Visitor(app, office, language="fr").join(ZOE)
    turn_on(zoe, hands)
    assert ask("clear-second-factor", ZOE, typed=ZOE) == 0
    assert office.to(ZOE)[-1]["Subject"] == "Le second facteur de votre compte a été désactivé"


@pytest.mark.parametrize(
    ("command", "typed", "why"),
    [
        (["clear-second-factor", ZOE], "", "That is another address"),
        (["clear-second-factor", ZOE], "zoe@example.com\n", "That is another address"),
        (["clear-second-factor", ZOE], ZOE, "has no authenticator app"),
        (["clear-second-factor", "nobody@example.org"], "nobody@example.org", "Nobody has an account"),
        (["close-account", "not an address"], "not an address", "not an e-mail address"),
        (["close-account", ZOE], "zoe", "That is another address"),
        (["reseal"], "", "PORTAL_SECRET_KEY_BEFORE is missing"),
    ],
)
def test_what_is_refused_changes_nothing(
    ask: Asked,
    zoe: Visitor,
    office: PostOffice,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    typed: str,
    why: str,
) -> None:
    letters = len(office.letters)
    assert ask(*command, typed=typed) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert why in said.err
    assert len(office.letters) == letters
    assert zoe.is_in()


def test_while_no_mail_can_be_sent_nothing_is_changed(
    ask: Asked, build: Build, zoe: Visitor, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    turn_on(zoe, hands)
    silent = build(mail=MailServer("127.0.0.1", free_port(), encrypted=False, user=None, password=None))
    for command in ("clear-second-factor", "close-account"):
        assert ask(command, ZOE, typed=ZOE, of=silent) == 1
        assert "No mail can be sent at the moment. Nothing was changed" in capsys.readouterr().err
    assert zoe.is_in()
    assert Visitor(silent, zoe.office).sign_in(ZOE).headers["Location"] == "/signin/code"


def test_closing_an_account_takes_all_of_it(
    ask: Asked, app: Flask, zoe: Visitor, office: PostOffice, engine: Engine
) -> None:
    device = Speaker(app)
    pair(zoe, device)
    assert ask("close-account", ZOE.upper(), typed=ZOE) == 0
    assert not zoe.is_in()
    assert office.to(ZOE)[-1]["Subject"] == "Your account was closed"
    assert device.presence().get_json()["code"] == "unpaired"
    with engine.connect() as connection:
        for table in (User, Device, SignIn, Epoch):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_closing_an_account_withdraws_what_it_was_invited_to(
    ask: Asked, app: Flask, zoe: Visitor, office: PostOffice, engine: Engine
) -> None:
    max_, device = other(app, office), Speaker(app)
    pair(max_, device)
    assert invite(max_, device, "main.view", email=ZOE).status_code == 303
    assert ask("close-account", ZOE, typed=ZOE) == 0
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(Invitation)).scalar_one() == 0


def test_signing_everybody_out_ends_what_is_open_on_devices(
    ask: Asked, app: Flask, zoe: Visitor, office: PostOffice, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    device, max_ = Speaker(app), other(app, office)
    pair(zoe, device)
    zoe.get(f"/enter?device={device.id}&nonce={'n' * 20}")
    with engine.connect() as connection:
        owner = connection.execute(select(User.id).where(User.email == ZOE)).scalar_one()
    subjects = {"subjects": [f"account-{owner}"]}
    before = device.say("epoch", subjects).get_json()["epochs"]
    assert ask("sign-out-everybody") == 0
    assert capsys.readouterr().out.startswith("2 sign-ins have ended")
    assert not zoe.is_in()
    assert not max_.is_in()
    after = device.say("epoch", subjects).get_json()["epochs"]
    assert after[f"account-{owner}"] > before[f"account-{owner}"]


def test_a_new_signing_key_leaves_no_device_behind_unasked(
    ask: Asked, app: Flask, zoe: Visitor, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    device = Speaker(app)
    pair(zoe, device)
    with app.app_context():
        pinned = portal_keys.parse(signing.key_set())
    hands.on(days=1)
    assert ask("rotate-signing-key") == 0
    hands.on(days=1)
    assert ask("rotate-signing-key") == 1, "the device was not there since"
    assert "1 devices did not come for the present key yet" in capsys.readouterr().err
    assert device.sign_in().status_code == 200
    newer = portal_keys.successor(pinned, device.presence().get_json()["keys"], URL)
    assert newer.version == 2
    hands.on(minutes=1)
    assert ask("rotate-signing-key") == 0
    hands.on(minutes=1)
    assert ask("rotate-signing-key", "--anyway") == 0
    assert "version 4" in capsys.readouterr().out


def test_another_secret_key(
    ask: Asked, app: Flask, build: Build, zoe: Visitor, office: PostOffice, hands: Hands
) -> None:
    device = Speaker(app)
    pair(zoe, device)
    phone, codes = turn_on(zoe, hands)
    with app.app_context():
        pinned = portal_keys.parse(signing.key_set())
    anew = build(secret=ANOTHER)
    assert ask("reseal", of=anew, PORTAL_SECRET_KEY=ANOTHER, PORTAL_SECRET_KEY_BEFORE=ANOTHER) == 1
    assert ask("reseal", of=anew, PORTAL_SECRET_KEY=ANOTHER, PORTAL_SECRET_KEY_BEFORE=SECRET) == 0
    returned = Visitor(anew, office)
    assert not returned.is_in()
    returned.post("/forgot", email=ZOE)
    new = "seven tall trees in the rain"
    assert returned.post(office.link(ZOE), password=new).status_code == 303
    assert returned.sign_in(ZOE, new).headers["Location"] == "/signin/code"
    assert returned.post("/signin/code", code=codes[0]).status_code == 401
    hands.on(minutes=2)
    assert returned.post("/signin/code", code=phone.shows()).status_code == 303
    device.client = anew.test_client()
    assert device.sign_in().status_code == 200
    assert "keys" not in device.presence().get_json(), "the keys that it pinned are the same"
    entries = entry.Entries(device.id)
    page = returned.get(f"/enter?device={device.id}&nonce={entries.nonce('browser')}&camera=main")
    token = page.text.partition('name="token" value="')[2].partition('"')[0]
    assert entries.check(token, "browser", URL, pinned).name == ZOE


def test_recovery_codes_of_another_secret_go(
    ask: Asked, build: Build, zoe: Visitor, hands: Hands, engine: Engine
) -> None:
    turn_on(zoe, hands)
    assert ask("reseal", of=build(secret=ANOTHER), PORTAL_SECRET_KEY=ANOTHER, PORTAL_SECRET_KEY_BEFORE=SECRET) == 0
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(RecoveryCode)).scalar_one() == 0


def test_it_is_a_program_that_fails_in_one_sentence(settings: Settings) -> None:
    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "web.portal.operator", *arguments],
            cwd=HERE,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run().returncode == 2
    assert run("everything").returncode == 2
    missing = run("counts")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("PORTAL_URL is an address like")
    known = {"PORTAL_URL": URL, "PORTAL_SECRET_KEY": SECRET, "MAIL_URL": "smtp://127.0.0.1"}
    gone = run("counts", DATABASE_URL="mysql+pymysql://portal:canary-secret@127.0.0.1:9/portal", **known)
    assert (gone.returncode, gone.stdout) == (1, "")
    assert gone.stderr.startswith("The database did not do this: ")
    assert "canary-secret" not in gone.stderr
    assert run("counts", DATABASE_URL=settings.database_url, **known).returncode == 0
