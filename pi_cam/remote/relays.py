"""The relays that the portal lends to who watches from away: credentials for an hour, one set for each person,
however often they come in.

Asked for when somebody opens a page, fetched by the thread that speaks to the portal, and kept until shortly before their
end. A portal that is away keeps nobody from watching: then there is no relay, and it is said.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from pi_cam.errors import PiCamError, PortalUnreachable
from pi_cam.remote.portal_answers import Client

log = logging.getLogger(__name__)

MARGIN_SECONDS = 120.0
"""So long before their end others are fetched: a connection is made with them meanwhile."""

LEAST_SECONDS, MOST_SECONDS = 300.0, 24 * 3600.0
MISSING_SECONDS = 5.0
"""After so long a portal that did not lend any is asked again."""
WAITING_MOST = 32
KEPT_MOST = 200
SERVERS_MOST, URLS_MOST = 8, 10
LONGEST_TEXT = 512

_URL = re.compile(r"(stun|turns?):([\w.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(:\d{1,5})?(\?transport=(udp|tcp))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Loan:
    """`servers`: as `RTCIceServer` has them; None when the portal did not answer. `until`: in monotonic seconds."""

    servers: tuple[dict[str, Any], ...] | None
    until: float


class Relays:
    """`is_paired`: whether there is a portal to ask. `wake`: tells the thread that speaks to it. `ask` is called from any
    thread, `fetch` by that one."""

    def __init__(
        self, is_paired: Callable[[], bool], wake: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._is_paired = is_paired
        self._wake = wake
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, Loan] = {}
        self._waiting: dict[str, Future[Loan]] = {}
        self._is_troubled = False

    def ask(self, viewer: str) -> Future[Loan]:
        """What this viewer is lent. `viewer`: 32 hex digits that say nothing to anybody else."""
        now, done = self._clock(), Future[Loan]()
        if not self._is_paired():
            done.set_result(Loan((), now + MOST_SECONDS))
            return done
        with self._lock:
            kept = self._kept.get(viewer)
            if kept is not None and now < kept.until:
                done.set_result(kept)
                return done
            waiting = self._waiting.setdefault(viewer, done)
            crowd = len(self._waiting) > WAITING_MOST
            if crowd:
                self._waiting.pop(viewer)
        if crowd:
            waiting.set_result(Loan(None, now + MISSING_SECONDS))
        else:
            self._wake()
        return waiting

    def fetch(self, client: Client) -> None:
        """Asks the portal for whoever has waited longest, and wakes the thread again for the next: between two the portal is
        asked whose rights ended. Never raises: what else is said to the portal must still be said."""
        with self._lock:
            viewer = next(iter(self._waiting), None)
        if viewer is None:
            return
        loan = self._lent(client, viewer)
        with self._lock:
            if len(self._kept) >= KEPT_MOST:
                self._kept.pop(next(iter(self._kept)))
            self._kept.pop(viewer, None)
            self._kept[viewer] = loan
            future, others = self._waiting.pop(viewer), bool(self._waiting)
        future.set_result(loan)
        if others:
            self._wake()

    def _lent(self, client: Client, viewer: str) -> Loan:
        try:
            servers, seconds = _parsed(client.say("ice", {"viewer": viewer}))
        except PiCamError as error:
            if not self._is_troubled:
                log.warning("the portal lends no relay", extra={"trouble": str(error)})
            self._is_troubled = True
            return Loan(None, self._clock() + MISSING_SECONDS)
        self._is_troubled = False
        return Loan(servers, self._clock() + seconds - MARGIN_SECONDS)


def _parsed(answer: dict[str, Any]) -> tuple[tuple[dict[str, Any], ...], float]:
    """Servers and for how many seconds they are good. Raises `PortalUnreachable` for what makes no sense."""
    found, seconds = answer.get("ice_servers"), answer.get("seconds")
    if not isinstance(found, list) or len(found) > SERVERS_MOST or not _is_number(seconds):
        raise PortalUnreachable("The portal's answer makes no sense.")
    return tuple(_server(one) for one in found), min(MOST_SECONDS, max(LEAST_SECONDS, float(seconds or 0)))


def _server(given: object) -> dict[str, Any]:
    urls = given.get("urls") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(urls, list) or not 0 < len(urls) <= URLS_MOST:
        raise PortalUnreachable("The portal's answer makes no sense.")
    credentials = {name: given[name] for name in ("username", "credential") if name in given}
    texts = [*urls, *credentials.values()]
    if not all(isinstance(one, str) and 0 < len(one) <= LONGEST_TEXT and one.isprintable() for one in texts) or not all(
        _URL.fullmatch(url) for url in urls
    ):
        raise PortalUnreachable("The portal's answer makes no sense.")
    return {"urls": urls, **credentials}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9
