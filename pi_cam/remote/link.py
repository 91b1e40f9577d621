"""The thread that speaks to the portal: asks for a code, waits until somebody claims this device, then says twice a minute
that it is there. (Whether somebody who is here lost their rights is asked by another: `epoch_watch`.)"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from webauthn.helpers import bytes_to_base64url

from pi_cam.errors import Conflict, NotAllowed, NotFound, PortalRefused, PortalUnreachable
from pi_cam.remote.backoff import pause
from pi_cam.remote.goodbyes import Goodbyes
from pi_cam.remote.journal_forward import NEVER, JournalForward
from pi_cam.remote.portal_answers import MOST_POLL_SECONDS, Asking, Client, asking_from
from pi_cam.remote.portal_client import checked_address
from pi_cam.remote.speaking import Speaking
from pi_cam.trust import portal_keys
from pi_cam.trust.pairing import Pairing, Portal

log = logging.getLogger(__name__)

PRESENCE_SECONDS = 30.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 2.0, 300.0
Describe = Callable[[], dict[str, Any]]
Note = Callable[..., None]
"""`Journal.append`."""

AfterPresence = Callable[[Client, dict[str, Any]], None]
"""What else is said each time that the portal was told that this device is there; with what it answered."""


class Link:
    """A `Subsystem`. `identity`: what the portal shows of this device; `presence`: what it is told twice a minute;
    `errands`: what else is due whenever it is spoken to. Blocks nobody: the methods that people call only leave a word for
    the thread, but for `ask`, which waits for the code."""

    def __init__(
        self,
        pairing: Pairing,
        connect: Callable[[str], Client],
        identity: Describe,
        presence: Describe,
        note: Note,
        forward: JournalForward,
        clock: Callable[[], float] = time.monotonic,
        after_presence: Sequence[AfterPresence] = (),
        errands: Sequence[Callable[[Client], None]] = (),
    ) -> None:
        self._after_presence = after_presence
        self._pairing = pairing
        self._connect = connect
        self._goodbyes = Goodbyes(pairing, connect, clock)
        self._identity = identity
        self._presence = presence
        self._note = note
        self._forward = forward
        self._clock = clock
        self._errands = errands
        self._lock = threading.Lock()
        self._speaking = Speaking("portal", self.step, self._troubled)
        self._asking: Asking | None = None
        self._client: Client | None = None
        self._trouble: str | None = None
        self._answered_at: float | None = None
        self._failures = 0
        self._said_at = float("-inf")

    def start(self) -> None:
        """Begins."""
        self._speaking.start()

    def stop(self) -> None:
        """Ends; a request that hangs is left to its time-out."""
        self._speaking.stop()

    def state(self) -> dict[str, object]:
        """For the API: `answered_seconds_ago`, `trouble`, `journal_rows` (that the portal has), `journal_trouble`, and while
        a code waits `code`, `page`, `link`, `seconds_left`."""
        now = self._clock()
        with self._lock:
            asking, answered, trouble = self._asking, self._answered_at, self._trouble
        shown: dict[str, object] = {
            "trouble": trouble,
            "answered_seconds_ago": None if answered is None else round(now - answered, 1),
            **{f"journal_{name}": value for name, value in self._forward.state().items()},
        }
        if asking is not None:
            left = max(0, round(asking.ends_at - now))
            shown |= {"code": asking.code, "page": asking.page, "link": asking.link, "seconds_left": left}
        return shown

    def ask(self, address: str) -> None:
        """Asks a portal for a code. Raises `SettingError` for a bad address, `Conflict` while this device is paired,
        `PortalUnreachable`, `PortalRefused`."""
        if self._pairing.accepted() is not None:
            raise Conflict("This device is paired already. Unpair it first.")
        self._pairing.forget()  # a claim that waits for a yes: of two codes only the newer one counts
        client = self._connect(checked_address(address))
        answer = client.authorize(self._identity(), bytes_to_base64url(secrets.token_bytes(16)))
        asking = asking_from(client, answer, self._clock())
        with self._lock:
            self._asking, self._trouble = asking, None
        self._speaking.wake()

    def give_up(self) -> None:
        """Nobody is to claim this device now: no code is shown any more, and a claim that waits is refused, which the portal
        hears."""
        with self._lock:
            self._asking = None
        if self._pairing.accepted() is None:
            with contextlib.suppress(NotFound):
                self.unpair()

    def accepted(self) -> None:
        """Somebody at home said yes: the portal hears of it at once."""
        if (portal := self._pairing.accepted()) is not None:
            self._forward.begin(portal)
        self.speak_soon()

    def speak_soon(self) -> None:
        """What the portal knows is no longer true: it hears of it at once."""
        self._said_at = float("-inf")
        self._speaking.wake()

    def wake(self) -> None:
        """There is an errand. From any thread."""
        self._speaking.wake()

    def unpair(self) -> None:
        """Ends the pairing here at once; the portal is told as soon as it can be reached. Raises `NotFound`."""
        self._pairing.leave()
        self._goodbyes.now()
        self._speaking.wake()

    def step(self) -> float | None:
        """Does what is due; how many seconds until the next, None when only a word can make something due."""
        waits = [self._goodbyes.step(), self._next_word()]
        self._failures = 0
        return min((wait for wait in waits if wait is not None), default=None)

    def _next_word(self) -> float | None:
        portal = self._pairing.portal()
        if portal is not None and portal.accepted:
            with self._lock:
                self._asking = None
            return self._speak(portal)
        self._client = None
        with self._lock:
            asking = self._asking
        return self._poll(asking) if asking is not None else None

    def _poll(self, asking: Asking) -> float | None:
        if self._clock() > asking.ends_at:
            self._forget(asking, "The code is too old: ask for a new one.")
            return None
        answer = asking.client.poll(asking.device_code)
        if answer.status == 200:
            self._claimed(asking, answer.body)
            return None
        if answer.status >= 500 or answer.status == 429:
            raise PortalUnreachable(f"The portal cannot answer now ({answer.status}).")
        code = answer.body.get("error")
        if code == "slow_down":
            slower = replace(asking, interval=min(MOST_POLL_SECONDS, asking.interval + 5))
            with self._lock:
                self._asking = slower if self._asking is asking else self._asking
            return slower.interval
        if code != "authorization_pending":
            self._forget(asking, "Nobody claimed this device with this code: ask for a new one.")
            return None
        return asking.interval

    def _claimed(self, asking: Asking, answer: dict[str, Any]) -> None:
        with self._lock:
            is_newest = self._asking is asking
        self._forget(asking, None)
        if not is_newest:
            return
        owner = answer.get("owner")
        if not isinstance(owner, str) or not 0 < len(owner) <= 254 or not owner.isprintable():
            raise PortalRefused("The portal's answer makes no sense.")
        self._pairing.claimed(asking.client.address, owner, portal_keys.parse(answer.get("keys")))
        self._note("device-claimed", owner=owner, portal=asking.client.address)

    def _speak(self, portal: Portal) -> float:
        if self._client is None or self._client.address != portal.address:
            self._client, self._said_at = self._connect(portal.address), float("-inf")
        try:
            more = self._say(self._client, portal)
        except PortalRefused as error:
            if error.code != "unpaired":
                raise
            self._pairing.forget()
            self._note("device-unpaired", portal=portal.address, by="portal")
            more = NEVER
        with self._lock:
            self._answered_at, self._trouble = self._clock(), None
        return min(more, self._until_presence())

    def _say(self, client: Client, portal: Portal) -> float:
        for errand in self._errands:
            errand(client)
        answer: dict[str, Any] = {}
        if self._until_presence() <= 0:
            answer = client.say("presence", self._presence())
            self._said_at = self._clock()
            if isinstance(answer.get("keys"), str):
                self._rotate(answer["keys"])
            for say_more in self._after_presence:
                say_more(client, answer)
        return self._forward.step(client, portal, answer)

    def _rotate(self, token: str) -> None:
        try:
            self._pairing.rotate(token)
        except NotAllowed as error:  # those that are pinned stay
            log.warning("new keys of the portal were refused", extra={"trouble": str(error)})
            self._note("portal-keys-refused", result="refused", why=str(error))
        else:
            self._note("portal-keys-changed")

    def _until_presence(self) -> float:
        return max(0.0, self._said_at + PRESENCE_SECONDS - self._clock())

    def _troubled(self, sentence: str) -> float:
        """Longer each time, and never the same for two devices: a portal that comes back is not run over."""
        self._failures += 1
        with self._lock:
            known, self._trouble = self._trouble, sentence
        if sentence != known:
            log.warning("the portal cannot be spoken to", extra={"trouble": sentence, "failures": self._failures})
        return pause(self._failures, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS)

    def _forget(self, asking: Asking, trouble: str | None) -> None:
        with self._lock:
            if self._asking is asking:
                self._asking, self._trouble = None, trouble
