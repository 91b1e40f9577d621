"""The machine's own time zone, by systemd-timedated (org.freedesktop.timedate1, see its manual page), where it lets us."""

from __future__ import annotations

import asyncio

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusFastError

from pi_cam.errors import MissingPart

NAME, PATH = "org.freedesktop.timedate1", "/org/freedesktop/timedate1"
SECONDS = 15.0
"""It is started when it is asked, as is polkit, and ends by itself: on a small machine that takes a while."""

NOT_THERE = "Nothing here sets this machine's time zone (systemd-timedated)."
REFUSED = "This machine keeps its own time zone: this camera may not change it."


def set_time_zone(zone: str) -> None:
    """For the whole machine: its logs, and what people see in a terminal. Raises `MissingPart`."""
    asyncio.run(_set(zone))


async def _set(zone: str) -> None:
    try:
        async with asyncio.timeout(SECONDS):
            bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
            try:
                answer = await bus.call(
                    Message(NAME, PATH, NAME, "SetTimezone", signature="sb", body=[zone, False])  # nobody to be asked
                )
            finally:
                bus.disconnect()
    except (DBusFastError, OSError, EOFError, ValueError, TimeoutError) as error:
        raise MissingPart(NOT_THERE) from error
    if answer is None or answer.message_type is MessageType.ERROR:
        name = "" if answer is None else str(answer.error_name)
        there = name.rpartition(".")[2] not in ("ServiceUnknown", "NameHasNoOwner", "SpawnChildExited")
        raise MissingPart(REFUSED if there else NOT_THERE)
