"""Relays for those who watch from away, lent for an hour: one set of credentials for each viewer, whom only their device
knows."""

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

VIEWER_LETTERS = 20
NONE_NOW = "The portal has no relay to lend at the moment."


def lend(device: str, viewer: str) -> dict[str, Any]:
    """What the device hands on to that viewer's browser: `ice_servers` as `RTCIceServer` has them, and for how many
    `seconds` they are good. Without a relay the list is empty. Raises `Unavailable`."""
    turn = services().settings.turn
    servers: list[dict[str, Any]] = []
    if isinstance(turn, OwnTurn):
        ends = int(services().clock().timestamp()) + LENT_SECONDS
        servers = [own_credentials(turn, _opaque(device, viewer), ends)]
    elif isinstance(turn, CloudflareTurn):
        try:
            servers = cloudflare.ice_servers(turn, LENT_SECONDS)
        except cloudflare.NoAnswer as error:
            log.warning("Cloudflare lends no relay: %s", error)
            raise Unavailable(NONE_NOW) from error
    return {"ice_servers": servers, "seconds": LENT_SECONDS}


def own_credentials(turn: OwnTurn, viewer: str, ends: int) -> dict[str, Any]:
    """Those that the TURN server can check without asking anybody (draft-uberti-behave-turn-rest-00, section 2.2). `ends`:
    in seconds since 1970."""
    username = f"{ends}:{viewer}"
    digest = hmac.digest(turn.secret.encode(), username.encode(), hashlib.sha1)
    return {"urls": list(turn.urls), "username": username, "credential": base64.b64encode(digest).decode("ascii")}


def _opaque(device: str, viewer: str) -> str:
    """The TURN server counts by it how much one viewer has; neither device nor account can be read from it."""
    digest = hmac.digest(services().settings.key("viewers of relays"), f"{device}\n{viewer}".encode(), hashlib.sha256)
    return base64.b32encode(digest).decode("ascii")[:VIEWER_LETTERS].lower()
