"""Found on the home's network: the names of this device and its page, told to avahi (mDNS and DNS-SD, RFC 6762 and 6763).

avahi itself answers for the machine's own name. It is asked to answer for two more, `pi-cam-ID.local`, which no other device
has, and `pi-cam.local`, which the first one in a home gets; and to tell that there is a page.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pi_cam.control.avahi import Avahi, Collision
from pi_cam.errors import MissingPart

log = logging.getLogger(__name__)

SERVICE = "_https._tcp"
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0
"""avahi may start after the camera, and be away for a while."""

STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Announcement:
    """`name`: as lists of devices show it; `device`: its id; `port` of its page; `aliases`: such as `pi-cam.local`."""

    name: str
    device: str
    port: int
    aliases: Sequence[str]


INSTANCE_BYTES = 63
"""Of a service's name (RFC 6763, section 4.1.1); avahi refuses a longer one."""


def instance_name(host: str) -> str:
    """For `Announcement`, of a machine of this name, which may have 63 letters itself."""
    return f"Camera {host}".encode()[:INSTANCE_BYTES].decode("utf-8", "ignore")


class Discovery:
    """A `Subsystem` with a thread of its own. Where there is no avahi, the camera is found by its address; it is said.

    `changed`: told when `names` did; returns at once."""

    def __init__(self, announcement: Announcement | None, changed: Callable[[], None] = lambda: None) -> None:
        self._changed = changed
        self._announcement = announcement
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.names: tuple[str, ...] = ()
        """Those that avahi answers for now."""
        self._trouble: str | None = None

    def start(self) -> None:
        """Returns at once."""
        if self._announcement is None:
            return
        self._loop = asyncio.new_event_loop()
        work = self._keep(self._announcement)
        self._thread = threading.Thread(target=self._run, args=(self._loop, work), name="discovery", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """avahi forgets what it was told as soon as the connection to it ends."""
        loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(_cancel_all)
            self._thread.join(STOP_SECONDS)

    def state(self) -> dict[str, object]:
        """`names`, and `trouble`: why there are none."""
        return {"names": list(self.names), "trouble": self._trouble}

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
        try:
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(work)
        finally:
            loop.close()

    async def _keep(self, announcement: Announcement) -> None:
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                await self._announce(announcement)
                wait = FIRST_WAIT_SECONDS
            except MissingPart as error:
                if str(error) != self._trouble:
                    log.info("not found by name", extra={"trouble": str(error)})
                self._trouble = str(error)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            await asyncio.sleep(wait)

    async def _announce(self, announcement: Announcement) -> None:
        try:
            async with Avahi() as avahi:
                host = await avahi.host()
                names = [host]
                for alias in announcement.aliases:
                    with suppress(Collision):
                        await avahi.alias(alias, host)
                        names.append(alias)
                texts = [f"id={announcement.device}".encode(), b"path=/"]
                await avahi.service(announcement.name, SERVICE, announcement.port, texts)
                self.names, self._trouble = tuple(name.lower() for name in names), None
                self._changed()
                await avahi.until_it_changes()
        finally:
            self.names = ()


def _cancel_all() -> None:
    for task in asyncio.all_tasks():
        task.cancel()
