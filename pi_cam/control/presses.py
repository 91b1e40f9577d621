"""What a person means by a push button: a short press, a long one, or one that lasts from the start. State machines; who
drives them says what time it is."""

from __future__ import annotations

from typing import Literal

Press = Literal["short", "long"]
Held = Literal["holding", "flickering", "meant", "over"]

BOUNCE_SECONDS = 0.03
"""A contact closes and opens several times in the first few thousandths of a second; what holds for so long is meant."""

SHORT_MOST_SECONDS = 1.5
LONG_SECONDS = 3.0
"""A long press counts as soon as it was held so long, and not when it ends: so whoever holds it sees the light change. What
ends between the two is neither: somebody who hesitates changes nothing."""


class Presses:
    """`edge` as the contact changes, `look` when `wait` says so; all times in monotonic seconds. A contact that is closed
    from the start means nothing until it opened once: something leans on it, or it is broken."""

    def __init__(self) -> None:
        self._closed = False
        self._changed_at: float | None = None
        self._pressed_at: float | None = None
        self._was_told = False
        self._is_armed = False

    def edge(self, closed: bool, at: float) -> None:
        """The contact is now closed, or open."""
        self._closed, self._changed_at = closed, at

    def look(self, now: float) -> Press | None:
        """What is meant by what happened until now."""
        told = self._settle(now)
        if self._pressed_at is not None and not self._was_told and self._until(now) - self._pressed_at >= LONG_SECONDS:
            self._was_told = True
            return "long"
        return told

    def wait(self, now: float) -> float | None:
        """In how many seconds to look again; None: not before the next edge."""
        if self._changed_at is not None:
            return max(0.0, self._changed_at + BOUNCE_SECONDS - now)
        if self._pressed_at is not None and not self._was_told:
            return max(0.0, self._pressed_at + LONG_SECONDS - now)
        return None

    def _settle(self, now: float) -> Press | None:
        changed_at = self._changed_at
        if changed_at is None or now - changed_at < BOUNCE_SECONDS:
            return None
        self._changed_at = None
        if not self._closed:
            return self._released(changed_at)
        if self._is_armed and self._pressed_at is None:
            self._pressed_at, self._was_told = changed_at, False
        return None

    def _until(self, now: float) -> float:
        """How long it was closed by now: an opening counts from its edge, and not from when it is sure."""
        return now if self._closed or self._changed_at is None else self._changed_at

    def _released(self, at: float) -> Press | None:
        pressed_at, self._pressed_at, self._is_armed = self._pressed_at, None, True
        if pressed_at is None or self._was_told:
            return None
        if at - pressed_at >= LONG_SECONDS:  # nobody looked in time
            return "long"
        return "short" if at - pressed_at <= SHORT_MOST_SECONDS else None


SETTLING_SECONDS = 0.2
"""So long after the start a contact may take to be seen closed: its resistor has to charge the line first."""

LET_GO_SECONDS = 15.0
"""So long a person has to let go once the light flickers. Who does not is none: something leans on it, or it is broken."""


class HeldFromStart:
    """Whether a button that is held since the power came back means that all is to be forgotten: it stays closed for
    `seconds`, then the light flickers, and it opens. `look` some fifty times a second; all times in monotonic seconds."""

    def __init__(self, seconds: float, now: float) -> None:
        self._seconds = seconds
        self._began_at = now
        self._was_closed = False
        self._open_since: float | None = now

    def look(self, closed: bool, now: float) -> Held:
        """What that means until now; after `meant` or `over` it is not to be asked again."""
        held = now - self._began_at
        if closed:
            self._was_closed, self._open_since = True, None
            if held < self._seconds:
                return "holding"
            return "flickering" if held < self._seconds + LET_GO_SECONDS else "over"
        if self._open_since is None:
            self._open_since = now
        patience = BOUNCE_SECONDS if self._was_closed else SETTLING_SECONDS
        if now - self._open_since < patience:
            return "holding" if held < self._seconds else "flickering"
        return "meant" if self._was_closed and self._open_since - self._began_at >= self._seconds else "over"
