"""Up to where rows of devices were found whole, so that not each view of the page looks at all of them again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

DEVICES_MOST = 2_000


@dataclass(frozen=True, slots=True)
class Place:
    """All rows after number `since` were whole up to number `seq`, whose hash is `row_hash`; each was looked at when it was
    `at`, or later."""

    since: int
    seq: int
    row_hash: bytes
    at: datetime


class Places:
    """In the memory of one worker, for all its threads; of `most` devices. Of which nobody asked for longest goes first."""

    def __init__(self, most: int = DEVICES_MOST) -> None:
        self._most = most
        self._places: OrderedDict[str, Place] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, devices: Iterable[str], now: datetime, age: timedelta) -> dict[str, Place]:
        """Of those devices that were looked at not longer ago than `age`."""
        with self._lock:
            found = {name: self._places[name] for name in devices if name in self._places}
            for name in found:
                self._places.move_to_end(name)
        return {name: place for name, place in found.items() if now - age <= place.at <= now}

    def note(self, device: str, place: Place | None) -> None:
        """None: nothing is known any more."""
        with self._lock:
            self._places.pop(device, None)
            if place is not None:
                self._places[device] = place
            if len(self._places) > self._most:
                self._places.popitem(last=False)
