"""Which servers help a viewer to find this device. At home none but those of the settings; who comes through the tunnel gets
a relay of the portal besides."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

from pi_cam.api import arrival
from pi_cam.api.services import Services
from pi_cam.remote.relays import Loan
from pi_cam.transport.ice import MISSING_SECONDS, Ice
from pi_cam.transport.viewers import Visitor
from pi_cam.trust.capabilities import Person

WAIT_SECONDS = 1.5
"""The page is told without a relay then. It is asked for when somebody comes in, so that it mostly is there by now."""


Lend = Callable[[], Coroutine[Any, Any, Ice]]


def lender(here: Services, visitor: Visitor) -> Lend:
    """What is lent to this visitor, whenever it is asked for, in the media loop. Called within a request."""
    away = arrival.listener() == "tunnel"

    async def lend() -> Ice:
        return await _lent_away(here, visitor) if away else Ice.of_stun(here.door.ice_servers())

    return lend


def prepare(here: Services, person: Person) -> None:
    """Somebody came in from the portal: they will want a relay in a moment."""
    here.relays.ask(_opaque(here, person.key))


async def _lent_away(here: Services, visitor: Visitor) -> Ice:
    own = Ice.of_stun(here.door.ice_servers())
    chosen = here.settings.text("relay_only")
    only = (chosen == "guests" and visitor.role == "guest") or (chosen == "others" and visitor.role != "owner")
    loan = await _waited_for(here, _opaque(here, visitor.key))
    if loan.servers is None:
        return Ice(own.servers, loan.until, "missing", only)
    return Ice((*own.servers, *loan.servers), loan.until, "ready" if loan.servers else "none", only)


async def _waited_for(here: Services, viewer: str) -> Loan:
    future = await here.loop.run_blocking(here.relays.ask, viewer, lane="rights")
    try:
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), WAIT_SECONDS)
    except TimeoutError:
        return Loan(None, time.monotonic() + MISSING_SECONDS)


def _opaque(here: Services, who: str) -> str:
    """A viewer's name for the portal, from which nobody but this device learns who it is."""
    return hashlib.blake2b(who.encode(), key=here.form_key, digest_size=16).hexdigest()
