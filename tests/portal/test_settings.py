"""What the environment may say, and the one sentence when it may not."""

from __future__ import annotations

import pytest

from tests.portal.conftest import SECRET
from web.portal.errors import BadSettings
from web.portal.settings import from_environment
from web.portal.turn import CloudflareTurn, OwnTurn

GOOD = {
    "PORTAL_URL": "https://portal.example.org",
    "DATABASE_URL": "mysql+pymysql://portal:pw@db/portal",
    "PORTAL_SECRET_KEY": SECRET,
    "MAIL_URL": "smtps://post:p%40ss@mail.example.org",
}


CLOUDFLARE = {"PORTAL_TURN_CLOUDFLARE_KEY": "abcdef0123456789", "PORTAL_TURN_CLOUDFLARE_TOKEN": "t" * 40}


def test_where_relays_come_from() -> None:
    assert from_environment(GOOD).turn is None
    urls = "turn:turn.example.org:3478?transport=udp turns:[2001:db8::1]:443?transport=tcp"
    own = from_environment(GOOD | {"PORTAL_TURN_URLS": urls, "PORTAL_TURN_SECRET": SECRET}).turn
    assert own == OwnTurn(tuple(urls.split()), SECRET)
    theirs = from_environment(GOOD | CLOUDFLARE).turn
    assert theirs == CloudflareTurn("abcdef0123456789", "t" * 40, "https://rtc.live.cloudflare.com")
    assert SECRET not in repr(own)
    assert "t" * 40 not in repr(theirs)


def test_the_usual_ones() -> None:
    settings = from_environment(GOOD)
    assert settings.secure
    assert settings.host == "portal.example.org"
    assert settings.mail is not None
    assert (settings.mail.port, settings.mail.password, settings.mail.encrypted) == (465, "p@ss", True)
    assert settings.mail_from == "no-reply@portal.example.org"
    assert settings.bcrypt_cost == 12


def test_keys_differ_by_purpose_and_secret() -> None:
    settings, other = from_environment(GOOD), from_environment(GOOD | {"PORTAL_SECRET_KEY": SECRET[::-1]})
    keys = {one.key(purpose) for one in (settings, other) for purpose in ("sessions", "passwords")}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"PORTAL_SECRET_KEY": ""}, "PORTAL_SECRET_KEY"),
        ({"PORTAL_SECRET_KEY": "secret"}, "PORTAL_SECRET_KEY"),
        ({"PORTAL_SECRET_KEY": "changeme" * 8}, "PORTAL_SECRET_KEY"),
        ({"PORTAL_SECRET_KEY": "a" * 64}, "PORTAL_SECRET_KEY"),
        ({"PORTAL_SECRET_KEY": SECRET[:31]}, "PORTAL_SECRET_KEY"),
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"DATABASE_URL": "sqlite:////tmp/x.db"}, "DATABASE_URL"),
        ({"DATABASE_URL": "mysql://portal@db/portal"}, "DATABASE_URL"),
        ({"MAIL_URL": ""}, "MAIL_URL"),
        ({"MAIL_URL": "http://mail"}, "MAIL_URL"),
        ({"MAIL_URL": "smtp://"}, "MAIL_URL"),
        ({"MAIL_URL": "smtp://host:port"}, "MAIL_URL"),
        ({"PORTAL_CONTACT": "somebody"}, "PORTAL_CONTACT"),
        ({"MAIL_FROM": "portal"}, "MAIL_FROM"),
        ({"MAIL_FROM": "a@b\nBcc: c@d"}, "MAIL_FROM"),
        ({"PORTAL_URL": ""}, "PORTAL_URL"),
        ({"PORTAL_URL": "http://portal.example.org"}, "PORTAL_URL"),
        ({"PORTAL_URL": "https://portal.example.org/deep"}, "PORTAL_URL"),
        ({"PORTAL_ENVIRONMENT": "prod"}, "PORTAL_ENVIRONMENT"),
        ({"PORTAL_PROXIES": "many"}, "PORTAL_PROXIES"),
        ({"PORTAL_BCRYPT_COST": "4"}, "PORTAL_BCRYPT_COST"),
        ({"PORTAL_TURN_URLS": "turn:turn.example.org"}, "PORTAL_TURN_SECRET"),
        ({"PORTAL_TURN_URLS": "turn:turn.example.org", "PORTAL_TURN_SECRET": "short"}, "PORTAL_TURN_SECRET"),
        ({"PORTAL_TURN_SECRET": SECRET}, "PORTAL_TURN_URLS"),
        ({"PORTAL_TURN_URLS": "stun:turn.example.org", "PORTAL_TURN_SECRET": SECRET}, "PORTAL_TURN_URLS"),
        ({"PORTAL_TURN_URLS": "turn:a:3478?transport=sctp", "PORTAL_TURN_SECRET": SECRET}, "PORTAL_TURN_URLS"),
        ({"PORTAL_TURN_URLS": "turn:a " * 9, "PORTAL_TURN_SECRET": SECRET}, "PORTAL_TURN_URLS"),
        ({"PORTAL_TURN_CLOUDFLARE_KEY": "abcdef0123456789"}, "PORTAL_TURN_CLOUDFLARE_KEY"),
        ({"PORTAL_TURN_CLOUDFLARE_TOKEN": "t" * 40}, "PORTAL_TURN_CLOUDFLARE_KEY"),
        (CLOUDFLARE | {"PORTAL_TURN_CLOUDFLARE_KEY": "../../v4/accounts"}, "PORTAL_TURN_CLOUDFLARE_KEY"),
        (CLOUDFLARE | {"PORTAL_TURN_CLOUDFLARE_URL": "http://evil.example"}, "PORTAL_TURN_CLOUDFLARE_URL"),
        (CLOUDFLARE | {"PORTAL_TURN_URLS": "turn:a", "PORTAL_TURN_SECRET": SECRET}, "PORTAL_TURN_URLS"),
    ],
    ids=str,
)
def test_what_is_refused_is_named_and_not_repeated(change: dict[str, str], named: str) -> None:
    with pytest.raises(BadSettings) as refused:
        from_environment(GOOD | change)
    assert str(refused.value).startswith(named)
    assert "\n" not in str(refused.value)
    secret = change.get("PORTAL_SECRET_KEY", "")
    assert len(secret) < 10 or secret not in str(refused.value)


def test_for_work_on_it_little_is_needed_but_never_a_poor_secret() -> None:
    little = {"PORTAL_ENVIRONMENT": "development", "DATABASE_URL": "sqlite:////tmp/x.db", "PORTAL_SECRET_KEY": SECRET}
    assert from_environment(little).mail is None
    with pytest.raises(BadSettings):
        from_environment(little | {"PORTAL_SECRET_KEY": "dev"})
