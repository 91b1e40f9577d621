"""How many may watch, in all and from one place, and how many may be about to: whoever sends offers and never connects must
not take the places of others.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Protocol

from pi_cam.errors import TooManyConnections, TooManyViewers


class Comer(Protocol):
    """What counts of somebody who watches, or would."""

    @property
    def key(self) -> str:
        """Who it is."""

    @property
    def session(self) -> str | None:
        """None for a program."""

    @property
    def address(self) -> str:
        """From where."""


def check(comer: Comer, watching: Collection[Comer], connecting: Collection[Comer], limit: int) -> None:
    """Whether there is a place for one more. `connecting`: those of `watching` that are not connected yet; `limit`: in all.

    From one place come at most three quarters, and half may be about to connect; of all, three quarters. Raises
    `TooManyViewers`, and because of the place that somebody comes from `TooManyConnections`.
    """
    if len(watching) >= limit:
        raise TooManyViewers("As many people watch as this camera allows. Try again in a moment.")
    if len(connecting) >= _share(limit, 3 / 4):
        raise TooManyViewers("Many people are about to watch. Try again in a moment.")
    if _from_there(comer, connecting) >= _share(limit, 1 / 2) or (
        not _is_many(comer) and _from_there(comer, watching) >= _share(limit, 3 / 4)
    ):
        raise TooManyConnections(
            "As many connections come from where you are as this camera allows. Try again in a moment."
        )


def _share(limit: int, of_it: float) -> int:
    return max(2, int(limit * of_it))


def _from_there(comer: Comer, others: Collection[Comer]) -> int:
    return sum(_place(other) == _place(comer) for other in others)


def _place(comer: Comer) -> str:
    """The address; or who it is, where many share one: behind a tunnel, a proxy, or on the machine itself."""
    return comer.key if _is_shared(comer.address) else comer.address


def _is_many(comer: Comer) -> bool:
    """A program on the machine itself, or behind the proxy, may watch for many."""
    return comer.session is None and _is_shared(comer.address)


def _is_shared(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return True
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
