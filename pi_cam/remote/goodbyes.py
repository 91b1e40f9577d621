"""Tells a portal that this device left it. Whoever ends the pairing at home waits for nobody: the portal hears of it at once
where it can be reached, and else as soon as it can."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from pi_cam.errors import PortalRefused, PortalUnreachable
from pi_cam.remote.backoff import pause
from pi_cam.remote.portal_answers import Client
from pi_cam.trust.pairing import Pairing

log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 5.0, 3600.0
NEVER = float("inf")


class Goodbyes:
    """Those that `Pairing` keeps until they are said. One thread calls `step`; any thread may call `now`."""

    def __init__(
        self, pairing: Pairing, connect: Callable[[str], Client], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pairing = pairing
        self._connect = connect
        self._clock = clock
        self._failures = 0
        self._next_at = float("-inf")

    def now(self) -> None:
        """There is a new one: do not wait."""
        self._failures, self._next_at = 0, float("-inf")

    def step(self) -> float | None:
        """Says those that are due; seconds until the next try, None when all is said."""
        left = self._next_at - self._clock()
        if left > 0:
            return None if left == NEVER else left
        self._next_at = NEVER  # until `now`, which may come meanwhile: the disk need not be asked every two seconds
        owed = [address for address in self._pairing.goodbyes() if not self._say(address)]
        if not owed:
            return None
        self._failures += 1
        wait = pause(self._failures, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS)
        self._next_at = min(self._next_at, self._clock() + wait)
        return max(0.0, self._next_at - self._clock())

    def _say(self, address: str) -> bool:
        try:
            self._connect(address).say("unpair", {})
        except PortalUnreachable as error:
            log.warning("the portal was not told yet that this device left it", extra={"trouble": str(error)})
            return False
        except PortalRefused as error:  # it knows this device no more: that was all it had to hear
            log.info("the portal does not know this device", extra={"trouble": str(error)})
        self._pairing.said_goodbye(address)
        return True
