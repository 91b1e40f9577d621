"""The helper's door for the camera: a Unix socket that only its user may open; a JSON object a line, each way.

    {"verb": "networks"}   {"verb": "state"}   {"verb": "hotspot"}   {"verb": "forget", "ssid": "Home"}
    {"verb": "country", "country": "FR"}
    {"verb": "join", "ssid": "Home", "passphrase": "…", "hidden": false}

The answer is `{"networks": […]}`, `{"state": {…}}`, `{}`, or `{"error": "a sentence"}`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from pi_cam.setup_wizard import country
from pi_cam.setup_wizard.sealed import credentials
from pi_cam.setup_wizard.wifi import WifiError
from pi_cam.setup_wizard.wifi_keeper import Keeper

log = logging.getLogger(__name__)

LINE_BYTES_MAX = 4096
AT_ONCE = 8
IDLE_SECONDS = 60.0
NOT_DONE = "The Wi-Fi of this device could not do that; its log says more."
NOT_UNDERSTOOD = "This request makes no sense."


class Requests:
    """`allowed`: the user ids that may ask."""

    def __init__(self, keeper: Keeper, allowed: Collection[int]) -> None:
        self._keeper, self._allowed = keeper, frozenset(allowed)
        self._open = 0

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. `reader` must have `LINE_BYTES_MAX` as its limit."""
        self._open += 1
        try:
            if self._open <= AT_ONCE and peer(writer) in self._allowed:
                with suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
                    await self._serve(reader, writer)
        finally:
            self._open -= 1
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(IDLE_SECONDS):
                line = await reader.readline()  # ValueError: longer than the limit
            if not line.endswith(b"\n"):
                return
            writer.write(json.dumps(await self.answer(line)).encode() + b"\n")
            async with asyncio.timeout(IDLE_SECONDS):
                await writer.drain()

    async def answer(self, line: bytes) -> dict[str, Any]:
        """To one request; never raises."""
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError
            return await self._do(request.pop("verb", None), request)
        except WifiError as error:
            return {"error": str(error)}
        except OSError as error:
            log.warning("the country cannot be told", extra={"trouble": error.strerror})
            return {"error": NOT_DONE}
        except (ValueError, RecursionError):  # no JSON, no UTF-8, too deep, or other words than expected
            return {"error": NOT_UNDERSTOOD}

    async def _do(self, verb: object, request: dict[str, Any]) -> dict[str, Any]:
        if verb == "join":
            found = credentials(request)
            self._keeper.join(found.ssid, found.passphrase, hidden=found.hidden)
            return {}
        if verb == "forget":
            if set(request) != {"ssid"} or not isinstance(request["ssid"], str):
                raise ValueError
            await self._keeper.forget(request["ssid"])
            return {}
        if verb == "country":
            if set(request) != {"country"}:
                raise ValueError
            country.wish(request["country"])
            return {}
        if request:
            raise ValueError
        if verb == "networks":
            return {"networks": [asdict(one) for one in await self._keeper.networks()]}
        if verb == "state":
            return {"state": asdict(replace(self._keeper.state(), country=country.in_force()))}
        if verb == "hotspot":
            await self._keeper.hotspot()
            return {}
        raise ValueError


def peer(writer: asyncio.StreamWriter) -> int:
    """The user id of the other side (SO_PEERCRED, unix(7))."""
    connection: socket.socket = writer.get_extra_info("socket")
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", packed)
    return int(user)
