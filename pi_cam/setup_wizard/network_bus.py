"""NetworkManager's D-Bus interface, as far as it is needed. Its own errors go to the log; a person gets `WifiError`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusFastError

from pi_cam.setup_wizard.wifi import WifiError

log = logging.getLogger(__name__)

NAME = "org.freedesktop.NetworkManager"
ROOT = "/org/freedesktop/NetworkManager"
SETTINGS_PATH = f"{ROOT}/Settings"
DEVICE, WIRELESS = f"{NAME}.Device", f"{NAME}.Device.Wireless"
POINT, ACTIVE = f"{NAME}.AccessPoint", f"{NAME}.Connection.Active"
SETTINGS, PROFILE = f"{NAME}.Settings", f"{NAME}.Settings.Connection"
PROPERTIES = "org.freedesktop.DBus.Properties"

ANSWER_SECONDS = 30.0
NOT_THERE = "The Wi-Fi of this device is not managed now; try again in a moment."
REFUSED = "The Wi-Fi of this device could not do that; its log says more."


class NotManaged(WifiError):
    """NetworkManager is not there, or the object is not, any more."""


class Bus:
    """One connection: `async with`. `changed(path, new, old, reason)`: called when a device changes its state."""

    def __init__(self, changed: Callable[[str, int, int, int], None]) -> None:
        self._changed = changed
        self._bus: Any = None

    async def __aenter__(self) -> Self:
        try:
            self._bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        except (DBusFastError, OSError, ValueError) as error:
            raise NotManaged(NOT_THERE) from error
        self._bus.add_message_handler(self._heard)
        rule = f"type='signal',sender='{NAME}',interface='{DEVICE}',member='StateChanged'"
        await self._ask("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s", rule)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bus.disconnect()

    async def until_gone(self) -> None:
        """Returns when the bus itself has ended."""
        with suppress(DBusFastError, OSError, EOFError):
            await self._bus.wait_for_disconnect()

    async def call(self, path: str, interface: str, member: str, signature: str = "", *body: object) -> list[Any]:
        """The answer's values."""
        return await self._ask(NAME, path, interface, member, signature, *body)

    async def properties(self, path: str, interface: str) -> dict[str, Any]:
        """All of one interface of an object; each a `Variant`."""
        (found,) = await self.call(path, PROPERTIES, "GetAll", "s", interface)
        return dict(found)

    async def value(self, path: str, interface: str, name: str) -> Any:
        """One property's."""
        (found,) = await self.call(path, PROPERTIES, "Get", "ss", interface, name)
        return found.value

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
            raise NotManaged(NOT_THERE) from error
        if answer.message_type is MessageType.ERROR:
            # The words may repeat a setting, and so a password: only their kind is written down.
            log.info("refused", extra={"member": member, "error": str(answer.error_name)})
            gone = any(word in str(answer.error_name) for word in ("UnknownObject", "UnknownMethod", "ServiceUnknown"))
            raise NotManaged(NOT_THERE) if gone else WifiError(REFUSED)
        found: list[Any] = answer.body
        return found

    def _heard(self, message: Any) -> None:
        if message.member == "StateChanged" and message.interface == DEVICE and message.signature == "uuu":
            self._changed(message.path, *message.body)
