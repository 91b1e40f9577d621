"""What the environment says. `docs/portal.md` describes each variable."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from web.portal.errors import BadSettings
from web.portal.turn import Turn, read_turn

MIN_SECRET_LENGTH = 32
LEAST_BITS = 80.0
"""What a secret must hold, by the variety of its letters: refuses `aaaa…`, `changeme-changeme-…` and their like."""
BCRYPT_COST = 12
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Environment = Literal["production", "development"]


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in. `encrypted`: from the first byte on (`smtps`)."""

    host: str
    port: int
    encrypted: bool
    user: str | None
    password: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """`url`: how browsers reach the portal, without a slash at the end. `mail` None: mails are written to the terminal.
    `contact`: where a fault is reported (security.txt). `proxies`: how many proxies in front add to X-Forwarded-For.
    `bcrypt_cost`: the work per password, as a power of two. `turn`: where relays come from, if there are any."""

    environment: Environment
    url: str
    database_url: str
    secret: str
    mail: MailServer | None
    mail_from: str
    contact: str
    proxies: int = 0
    bcrypt_cost: int = BCRYPT_COST
    turn: Turn | None = None

    @property
    def host(self) -> str:
        """The name in `url`: the only one under which requests are answered, and the one that passkeys are good for."""
        return urlsplit(self.url).hostname or ""

    @property
    def secure(self) -> bool:
        """Whether browsers speak TLS."""
        return self.url.startswith("https://")

    def key(self, purpose: str) -> bytes:
        """32 bytes for one purpose only."""
        return hmac.digest(self.secret.encode(), f"portal {purpose}".encode(), hashlib.sha256)


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Raises `BadSettings` with one sentence."""
    kind = environment.get("PORTAL_ENVIRONMENT", "production")
    if kind not in ("production", "development"):
        raise BadSettings("PORTAL_ENVIRONMENT is production or development, not %(value)s.", value=kind)
    url = _url(environment.get("PORTAL_URL", "" if kind == "production" else "http://localhost:8090"))
    if kind == "production" and not url.startswith("https://"):
        raise BadSettings("PORTAL_URL must say how browsers reach the portal, and begin with https:// in production.")
    return Settings(
        environment="production" if kind == "production" else "development",
        url=url,
        database_url=_database_url(environment.get("DATABASE_URL", ""), production=kind == "production"),
        secret=checked_secret(environment.get("PORTAL_SECRET_KEY", "")),
        mail=_mail(environment.get("MAIL_URL", ""), production=kind == "production"),
        mail_from=_sender(environment.get("MAIL_FROM") or f"no-reply@{urlsplit(url).hostname}"),
        contact=_contact(environment.get("PORTAL_CONTACT") or f"mailto:security@{urlsplit(url).hostname}"),
        proxies=_number(environment, "PORTAL_PROXIES", 0, 0, 9),
        bcrypt_cost=_number(environment, "PORTAL_BCRYPT_COST", BCRYPT_COST, 4 if kind == "development" else 10, 16),
        turn=read_turn(environment),
    )


def checked_secret(secret: str, variable: str = "PORTAL_SECRET_KEY") -> str:
    """Raises `BadSettings` unless it is long, and hard to guess."""
    make_one = "(python3 -c 'import secrets; print(secrets.token_urlsafe(48))')"
    if not secret:
        raise BadSettings(f"{variable} is missing: set it to a long random text, and keep it {make_one}.")
    if len(secret) < MIN_SECRET_LENGTH or _bits(secret) < LEAST_BITS:
        raise BadSettings(f"{variable} is too short or too easy to guess: at least 32 random characters {make_one}.")
    return secret


def _bits(text: str) -> float:
    """Shannon's entropy over the letters; of a repeated piece, that of the piece."""
    piece = text[: (text + text).find(text, 1)]
    counts = Counter(piece)
    return -sum(n * math.log2(n / len(piece)) for n in counts.values())


def _url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise BadSettings("PORTAL_URL is an address like https://portal.example.org, without a path.")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _database_url(url: str, *, production: bool) -> str:
    if not url:
        raise BadSettings("DATABASE_URL is missing: mysql+pymysql://USER:PASSWORD@HOST/DATABASE")
    try:
        driver = make_url(url).drivername
    except ArgumentError:
        raise BadSettings("DATABASE_URL cannot be read: mysql+pymysql://USER:PASSWORD@HOST/DATABASE") from None
    if driver == "mysql+pymysql" or (driver == "sqlite" and not production):
        return url
    raise BadSettings("DATABASE_URL must begin with mysql+pymysql:// (SQLite is for development only).")


def _mail(url: str, *, production: bool) -> MailServer | None:
    if not url:
        if production:
            raise BadSettings("MAIL_URL is missing: smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465")
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise BadSettings("MAIL_URL cannot be read: smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465")
    encrypted = parts.scheme == "smtps"
    return MailServer(
        parts.hostname,
        port or (465 if encrypted else 587),
        encrypted,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
    )


def _sender(address: str) -> str:
    if "@" not in address or not address.isprintable():
        raise BadSettings("MAIL_FROM is an e-mail address, like no-reply@portal.example.org.")
    return address


def _contact(contact: str) -> str:
    if not contact.startswith(("mailto:", "https://")) or not contact.isprintable():
        raise BadSettings("PORTAL_CONTACT is where a fault is reported: mailto:… or https://…")
    return contact


def _number(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
        raise BadSettings(
            "%(name)s is a number from %(least)s to %(most)s, not %(value)s.",
            name=name,
            least=least,
            most=most,
            value=text[:40],
        )
    return int(text)
