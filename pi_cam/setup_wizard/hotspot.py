"""When the camera's own hotspot comes up, and when it goes: rules only, told the facts and the time (docs/adr/0024)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """How the machine stands now."""

    radio: bool
    """There is a Wi-Fi device that can be a hotspot."""
    online: bool
    """A Wi-Fi network is joined."""
    cable: bool
    """It is reached by Ethernet, or by USB as a network."""
    known: bool
    """There is a network that it may join by itself."""
    joining: bool
    """A person's network is being tried: nobody gets in its way."""


@dataclass(frozen=True, slots=True)
class Times:
    """All in seconds."""

    settle: float = 12.0
    """A cable, or a network that is in the memory, gets so long at the start."""
    start: float = 180.0
    """As long as a known network may take to appear after the start: after a power cut routers are slow."""
    lost: float = 300.0
    """As long as a known network may be away."""
    first: float = 1800.0
    """The hotspot of a camera that knows no network. Then it is gone until the power is cut, or somebody asks."""
    turn: float = 600.0
    """The hotspot of a camera whose network is away."""
    rest: float = 600.0
    """For the known networks, before the next turn: one radio cannot do both."""
    refused: float = 60.0
    """Before another try with a radio that would not be a hotspot."""
    visit: float = 120.0
    """Nobody's page goes away within so long after they used it, up to twice the limit."""


class Hotspot:
    """`decide` is called every few seconds, and after every change."""

    def __init__(self, clock: Callable[[], float], times: Times | None = None, *, allowed: bool = True) -> None:
        self._clock = clock
        self._times = times or Times()
        self._allowed = allowed
        now = clock()
        self._away_since: float | None = now
        self._patience = self._times.start
        self._up_since: float | None = None
        self._limit = 0.0
        self._asked = False
        self._spent = False
        self._visited = self._not_before = float("-inf")

    @property
    def up(self) -> bool:
        """What was decided last."""
        return self._up_since is not None

    def ask(self) -> None:
        """Somebody wants it: it comes, whatever Wi-Fi is joined, for its time."""
        self._asked, self._spent = True, False

    def joining(self) -> None:
        """A network is tried: what was asked before has been answered."""
        self._up_since, self._asked = None, False

    def failed(self) -> None:
        """A network that was chosen on the hotspot could not be joined: who chose it waits to hear why."""
        self.ask()

    def visited(self) -> None:
        """Somebody uses its page."""
        self._visited = self._clock()

    def refused(self) -> None:
        """It could not be raised; after a while it is tried again."""
        self._up_since, self._not_before = None, self._clock() + self._times.refused

    def decide(self, facts: Facts) -> bool:
        """Whether it is to be up now."""
        now = self._clock()
        self._look(facts, now)
        if not facts.radio or facts.joining or facts.cable:
            # With a cable there is a better way in; and NetworkManager would lead strangers on, into the network behind it.
            self.joining()
        elif self._up_since is not None:
            self._end_if_over(facts, now, now - self._up_since)
        elif now >= self._not_before and self._is_due(facts, now):
            self._up_since = now
            self._limit = self._times.turn if facts.known else self._times.first
        return self.up

    def _look(self, facts: Facts, now: float) -> None:
        if facts.online or facts.cable:
            self._away_since, self._patience, self._spent = None, self._times.lost, False
        elif self._away_since is None:
            self._away_since = now

    def _is_due(self, facts: Facts, now: float) -> bool:
        if self._asked:
            return True
        if not self._allowed or self._spent or self._away_since is None:
            return False
        patience = self._patience if facts.known else self._times.settle
        return now - self._away_since >= patience

    def _end_if_over(self, facts: Facts, now: float, since: float) -> None:
        if facts.online and not self._asked:
            self._up_since = None
            return
        if since < self._limit or (now - self._visited < self._times.visit and since < 2 * self._limit):
            return
        self._up_since, self._asked = None, False
        self._away_since, self._patience = now, self._times.rest
        self._spent = not facts.known
