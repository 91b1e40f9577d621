"""What helps a viewer's browser and this device to find each other: STUN servers, and relays (RFC 8445)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Server = dict[str, Any]
"""As a browser's `RTCIceServer`: `urls`, and for a relay `username` and `credential`."""

Relay = Literal["none", "ready", "missing"]
"""`none`: nobody needs one here, or there is none to be had. `missing`: the portal, which lends them, did not answer."""

MISSING_SECONDS = 5.0
"""After so long a portal that did not answer is asked again."""

_BY_UDP = re.compile(r"turn:(?P<place>[^?]+)(?:\?transport=udp)?", re.ASCII)
"""Every such relay answers STUN, too (RFC 8656, section 3.1)."""


@dataclass(frozen=True, slots=True)
class Ice:
    """`servers`: for the browser. `good_until`: in monotonic seconds; None: without end. `relay_only`: this viewer is not to
    learn the addresses of this home."""

    servers: tuple[Server, ...] = ()
    good_until: float | None = None
    relay: Relay = "none"
    relay_only: bool = False

    @classmethod
    def of_stun(cls, urls: Iterable[str]) -> Ice:
        """For who needs no relay."""
        return cls(tuple({"urls": url} for url in urls))

    def is_old(self, now: float) -> bool:
        """Whether others should be asked for."""
        return self.good_until is not None and now >= self.good_until

    def described(self, now: float) -> dict[str, object]:
        """For the browser; `ice_seconds`: for how long they are good from now."""
        left = None if self.good_until is None else round(max(0.0, self.good_until - now), 1)
        return {"ice_servers": list(self.servers), "ice_seconds": left, "relay": self.relay}

    def own_servers(self) -> list[Server]:
        """For this device's side of the connection. One relay is enough, and it is the browser's: it knows its own network,
        and an answer that waits for a relay comes later. This side asks STUN for the address that the home has on the
        Internet, because the browser's relay lets nobody through whose address it was not told. For `relay_only` it is the
        other way round: this side has the relay, and shows nothing else."""
        if self.relay_only:
            return [one for one in self.servers if "credential" in one]
        stun = [url for url in self._urls() if url.startswith("stun:")]
        stun += [f"stun:{found['place']}" for url in self._urls() if (found := _BY_UDP.fullmatch(url))]
        return [{"urls": url} for url in stun[:1]]

    def _urls(self) -> list[str]:
        found: list[str] = []
        for server in self.servers:
            urls = server["urls"]
            found += [urls] if isinstance(urls, str) else urls
        return found
