"""avahi's D-Bus interface, as far as it is needed: records and services that it answers for while the connection lasts."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusFastError

from pi_cam.errors import MissingPart

NAME = "org.freedesktop.Avahi"
SERVER, GROUP = f"{NAME}.Server", f"{NAME}.EntryGroup"
ANYWHERE = -1
"""On every interface, by both protocols (avahi-common/address.h)."""

UNIQUE = 1
"""avahi-common/defs.h: a record that only one host may have."""

CLASS_IN, TYPE_CNAME = 1, 5
LIFETIME_SECONDS = 60
SERVER_RUNNING = 2
ESTABLISHED, COLLISION, FAILED = 2, 3, 4
"""States of a group."""

ANSWER_SECONDS = 10.0
NO_AVAHI = "There is no avahi here (sudo apt install avahi-daemon): this camera has no name in the home's network."


class Collision(Exception):
    """Another host has this name."""


class Avahi:
    """One connection: `async with`. Its methods raise `MissingPart` when avahi is not there, or no longer."""

    def __init__(self) -> None:
        self._bus: Any = None
        self._states: dict[str, asyncio.Future[int]] = {}
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            self._bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        except (DBusFastError, OSError, ValueError) as error:
            raise MissingPart(NO_AVAHI) from error
        self._bus.add_message_handler(self._heard)
        for rule in (
            f"type='signal',sender='{NAME}'",
            f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{NAME}'",
        ):
            await self._ask(
                "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s", rule
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bus.disconnect()

    async def host(self) -> str:
        """The machine's own name as avahi has it now, such as `camera-2.local`: of two in a home one gets another."""
        (state,) = await self._call("/", SERVER, "GetState")
        if state != SERVER_RUNNING:
            raise MissingPart("avahi is not ready yet.")
        (name,) = await self._call("/", SERVER, "GetHostNameFqdn")
        return str(name)

    async def alias(self, name: str, host: str) -> None:
        """Answers for one more name (`x.local`) of this host. Raises `Collision`."""
        record = (ANYWHERE, ANYWHERE, UNIQUE, name, CLASS_IN, TYPE_CNAME, LIFETIME_SECONDS, wire_name(host))
        await self._publish("AddRecord", "iiusqquay", *record)

    async def service(self, name: str, kind: str, port: int, texts: list[bytes]) -> str:
        """Tells of a service (DNS-SD, RFC 6763); under which name, when another host has this one."""
        while True:
            try:
                await self._publish("AddService", "iiussssqaay", ANYWHERE, ANYWHERE, 0, name, kind, "", "", port, texts)
            except Collision:
                (name,) = await self._call("/", SERVER, "GetAlternativeServiceName", "s", name)
            else:
                return name

    async def until_it_changes(self) -> None:
        """Returns when avahi ended, began again, or took another name."""
        over = asyncio.ensure_future(self._over.wait())
        gone = asyncio.ensure_future(self._bus.wait_for_disconnect())
        try:
            await asyncio.wait([over, gone], return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            gone.cancel()

    async def _publish(self, member: str, signature: str, *body: object) -> None:
        (group,) = await self._call("/", SERVER, "EntryGroupNew")
        state = self._states[group] = asyncio.get_running_loop().create_future()
        try:
            await self._call(group, GROUP, member, signature, *body)
            await self._call(group, GROUP, "Commit")
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await state
        except TimeoutError:
            raise MissingPart("avahi does not answer.") from None
        finally:
            del self._states[group]
        if found == COLLISION:
            await self._call(group, GROUP, "Free")
            raise Collision
        if found == FAILED:
            raise MissingPart("avahi refuses this name.")

    async def _call(self, path: str, interface: str, member: str, signature: str = "", *body: object) -> list[Any]:
        return await self._ask(NAME, path, interface, member, signature, *body)

    async def _ask(
        self, whom: str, path: str, interface: str, member: str, signature: str = "", *body: object
    ) -> list[Any]:
        message = Message(
            destination=whom, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._bus.call(message)
        except (DBusFastError, OSError, EOFError, TimeoutError) as error:
            raise MissingPart(NO_AVAHI) from error
        if answer.message_type is MessageType.ERROR:
            if "CollisionError" in str(answer.error_name):
                raise Collision
            raise MissingPart(NO_AVAHI)
        found: list[Any] = answer.body
        return found

    def _heard(self, message: Any) -> None:
        if message.member == "NameOwnerChanged" or (message.member == "StateChanged" and message.interface == SERVER):
            self._over.set()
        elif message.member == "StateChanged" and message.interface == GROUP:
            state = self._states.get(message.path)
            if state is not None and not state.done() and message.body[0] in (ESTABLISHED, COLLISION, FAILED):
                state.set_result(message.body[0])


def wire_name(name: str) -> bytes:
    """As a record holds it (RFC 1035, section 3.1)."""
    labels = [label.encode() for label in name.rstrip(".").split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
