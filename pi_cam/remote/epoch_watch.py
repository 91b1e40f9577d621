"""The thread that asks the portal every two seconds whether somebody who is here lost their rights, and does nothing else:
whatever else is said to the portal may take its time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from pi_cam.errors import PortalRefused
from pi_cam.remote.backoff import pause
from pi_cam.remote.portal_answers import Client, epochs_in
from pi_cam.remote.speaking import Speaking
from pi_cam.trust.pairing import Pairing
from pi_cam.trust.portal_sessions import PortalSessions

log = logging.getLogger(__name__)

EPOCH_SECONDS = 2.0
SOONEST_SECONDS = 1.0
"""Between two questions, however many come in meanwhile: a portal that is asked too often answers nobody."""

LONGEST_WAIT_SECONDS = 5.0
"""A right that was taken away must end soon after the portal is back."""

EPOCH_ANSWER_SECONDS = 3.0
"""A question that hangs so long is asked again."""


class EpochWatch:
    """A `Subsystem`. `unpaired`: told when the portal says that this device is nobody's there."""

    def __init__(
        self,
        pairing: Pairing,
        sessions: PortalSessions,
        connect: Callable[[str], Client],
        unpaired: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pairing = pairing
        self._sessions = sessions
        self._connect = connect
        self._unpaired = unpaired
        self._clock = clock
        self._speaking = Speaking("epochs", self.step, self._troubled)
        self._client: Client | None = None
        self._asked_at = float("-inf")
        self._failures = 0
        self._trouble: str | None = None

    def start(self) -> None:
        """Begins."""
        self._speaking.start()

    def stop(self) -> None:
        """Ends; a question that hangs is left to its time-out."""
        self._speaking.stop()

    def state(self) -> dict[str, object]:
        """`trouble`: why rights that were taken away at the portal do not end here now."""
        return {"trouble": self._trouble}

    def came_in(self) -> None:
        """Somebody came in from the portal. From any thread."""
        self._speaking.wake()

    def step(self) -> float | None:
        """Asks, when it is time; how many seconds until the next, None when only somebody who comes in can make it due.
        Raises `PiCamError`."""
        portal = self._pairing.accepted()
        if portal is None or not (subjects := self._sessions.subjects()):
            return None
        left = self._asked_at + SOONEST_SECONDS - self._clock()
        if left > 0:
            return left
        self._asked_at = self._clock()
        if self._client is None or self._client.address != portal.address:
            self._client = self._connect(portal.address)
        self._end_rights(self._client, subjects)
        self._failures, self._trouble = 0, None
        return EPOCH_SECONDS

    def _end_rights(self, client: Client, subjects: list[str]) -> None:
        try:
            epochs = epochs_in(client.say("epoch", {"subjects": subjects}), subjects)
        except PortalRefused as error:
            if error.code == "unpaired":
                self._unpaired()
            raise
        self._sessions.raise_epochs(epochs)
        self._sessions.end_all([one for one in subjects if one not in epochs])

    def _troubled(self, sentence: str) -> float:
        if sentence != self._trouble:
            log.warning("the portal cannot be asked for rights", extra={"trouble": sentence})
        self._failures, self._trouble = self._failures + 1, sentence
        return pause(self._failures, EPOCH_SECONDS, LONGEST_WAIT_SECONDS)
