"""Relays for those who watch from away, lent for an hour. A device asks for one viewer after the other, and may name as many
as it likes: the TURN server counts by the account to which the device belongs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from typing import Any

from web.portal.devices import cloudflare
from web.portal.errors import Unavailable
from web.portal.services import services
from web.portal.turn import CloudflareTurn, OwnTurn

log = logging.getLogger(__name__)

LENT_SECONDS = 3600
"""An allocation that was made with them may be kept longer: that is what a picture goes on over."""

NAME_LETTERS = 20
NONE_NOW = "The portal has no relay to lend at the moment."


def lend(owner: int) -> dict[str, Any]:
    """What a device of this account hands on to a viewer's browser: `ice_servers` as `RTCIceServer` has them, and for how
    many `seconds` they are good. Without a relay the list is empty. Raises `Unavailable`."""
    turn = services().settings.turn
    servers: list[dict[str, Any]] = []
    if isinstance(turn, OwnTurn):
        ends = int(services().clock().timestamp()) + LENT_SECONDS
        servers = [own_credentials(turn, _opaque(owner), ends)]
    elif isinstance(turn, CloudflareTurn):
        try:
            servers = cloudflare.ice_servers(turn, LENT_SECONDS)
        except cloudflare.NoAnswer as error:
            log.warning("Cloudflare lends no relay: %s", error)
            raise Unavailable(NONE_NOW) from error
    return {"ice_servers": servers, "seconds": LENT_SECONDS}


def own_credentials(turn: OwnTurn, name: str, ends: int) -> dict[str, Any]:
    """Those that the TURN server can check without asking anybody (draft-uberti-behave-turn-rest-00, section 2.2). `name`:
    by which it counts, whatever stands before it. `ends`: in seconds since 1970."""
    username = f"{ends}:{name}"
    digest = hmac.digest(turn.secret.encode(), username.encode(), hashlib.sha1)
    return {"urls": list(turn.urls), "username": username, "credential": base64.b64encode(digest).decode("ascii")}


def _opaque(owner: int) -> str:
    """Which account it is cannot be read from it."""
    digest = hmac.digest(services().settings.key("accounts at relays"), str(owner).encode(), hashlib.sha256)
    return base64.b32encode(digest).decode("ascii")[:NAME_LETTERS].lower()
