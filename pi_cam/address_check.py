"""Tries a camera's address before it is written down: is it there, does it take the password, what does it send."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pi_cam.errors import (
    MissingPart,
    NotReady,
    PiCamError,
    PictureTimeout,
    SourceError,
    SourceForbidden,
    SourceUnsupported,
)
from pi_cam.hub import Hub
from pi_cam.media.still import jpeg_of
from pi_cam.stills import RunBlocking, first_units

SECONDS = 9.0
WATCH_SECONDS = 1.0
AT_ONCE = 2

Verdict = Literal["works", "unreachable", "forbidden", "unsupported"]


@dataclass(frozen=True, slots=True)
class AddressReport:
    """`verdict` in a word, `trouble` in a sentence; what the camera sends; `still`: a JPEG as a data URL."""

    verdict: Verdict
    trouble: str | None = None
    sends: str | None = None
    transcoded: bool = False
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    still: str | None = None


class AddressCheck:
    """At most two at a time: each opens a connection that somebody names. Lives in the media loop."""

    def __init__(self, run_blocking: RunBlocking) -> None:
        self._run_blocking = run_blocking
        self._running = 0

    async def check(self, make: Callable[[], Hub]) -> AddressReport:
        """Opens the camera for a moment. Raises `NotReady` when two are being tried already."""
        if self._running >= AT_ONCE:
            raise NotReady("Other addresses are being tried. Wait a moment.")
        self._running += 1
        try:
            return await self._try(make())
        finally:
            self._running -= 1

    async def _try(self, hub: Hub) -> AddressReport:
        try:
            subscription = hub.subscribe()
            try:
                units = await first_units(hub, SECONDS)
                await asyncio.sleep(WATCH_SECONDS)
                still: bytes = await self._run_blocking(jpeg_of, units, lane="stills")
            finally:
                subscription.close()
            stats = hub.stats()
            return AddressReport(
                "works",
                sends=stats.sends or stats.codec,
                transcoded=stats.transcoded,
                width=stats.width,
                height=stats.height,
                fps=stats.fps,
                still="data:image/jpeg;base64," + base64.b64encode(still).decode(),
            )
        except (SourceError, MissingPart, PictureTimeout) as error:
            return AddressReport(_verdict(error), str(error))
        finally:
            await hub.close()


def _verdict(error: PiCamError) -> Verdict:
    if isinstance(error, SourceForbidden):
        return "forbidden"
    return "unsupported" if isinstance(error, SourceUnsupported | MissingPart) else "unreachable"
