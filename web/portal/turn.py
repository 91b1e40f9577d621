"""Where the portal gets relays for those who watch from away (TURN, RFC 8656): what the environment says of it.

Either a TURN server of one's own, with whose shared secret the portal makes credentials (coturn's `use-auth-secret`), or
Cloudflare's, which makes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from web.portal.errors import BadSettings

CLOUDFLARE = "https://rtc.live.cloudflare.com"
LEAST_SECRET = 32
URLS_MOST = 8

ICE_URL = re.compile(
    r"(?:stun:(?P<stun>[\w.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])|turns?:(?P<turn>[\w.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\]))"
    r"(?::(?P<port>\d{1,5}))?(?P<transport>\?transport=(?:udp|tcp))?",
    re.ASCII,
)
"""RFC 7064 and RFC 7065."""


@dataclass(frozen=True, slots=True)
class OwnTurn:
    """`urls`: as browsers take them. `secret`: coturn's `static-auth-secret`."""

    urls: tuple[str, ...]
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CloudflareTurn:
    """`key`: the id of the TURN key there. `token`: that key's API token. `url`: where their API is."""

    key: str
    token: str = field(repr=False)
    url: str = CLOUDFLARE


Turn = OwnTurn | CloudflareTurn


def read_turn(environment: Mapping[str, str]) -> Turn | None:
    """None where the portal has no relay. Raises `BadSettings`."""
    urls, secret = environment.get("PORTAL_TURN_URLS", "").split(), environment.get("PORTAL_TURN_SECRET", "")
    key, token = environment.get("PORTAL_TURN_CLOUDFLARE_KEY", ""), environment.get("PORTAL_TURN_CLOUDFLARE_TOKEN", "")
    if (urls or secret) and (key or token):
        raise BadSettings("PORTAL_TURN_URLS and PORTAL_TURN_CLOUDFLARE_KEY: choose one of the two.")
    if urls or secret:
        return _own(urls, secret)
    if key or token:
        return _cloudflare(key, token, environment.get("PORTAL_TURN_CLOUDFLARE_URL", "") or CLOUDFLARE)
    return None


def _own(urls: list[str], secret: str) -> OwnTurn:
    if not 0 < len(urls) <= URLS_MOST or not all(one.startswith("turn") and ICE_URL.fullmatch(one) for one in urls):
        raise BadSettings(
            "PORTAL_TURN_URLS are up to 8 addresses with spaces between, like turn:turn.example.org:3478?transport=udp"
        )
    if len(secret) < LEAST_SECRET:
        raise BadSettings("PORTAL_TURN_SECRET is the TURN server's static-auth-secret: at least 32 random characters.")
    return OwnTurn(tuple(urls), secret)


def _cloudflare(key: str, token: str, url: str) -> CloudflareTurn:
    if not re.fullmatch(r"[0-9a-zA-Z]{8,64}", key, re.ASCII) or not re.fullmatch(r"[\x21-\x7e]{16,256}", token):
        raise BadSettings("PORTAL_TURN_CLOUDFLARE_KEY and …_TOKEN: set both, as Cloudflare shows them.")
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1"):
        raise BadSettings("PORTAL_TURN_CLOUDFLARE_URL begins with https://.")
    return CloudflareTurn(key, token, url.rstrip("/"))
