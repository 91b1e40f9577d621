"""Simulated devices that say to a portal, each in its turn, that they are there. On this machine only, for a while."""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from webauthn.helpers import bytes_to_base64url

from web.journal.forwarded import beginning, head_text

SIGN_INS_AT_ONCE = 16
ANSWER_SECONDS = 30.0
CHANGES = 0.05
"""How often something is new with a camera when its device speaks."""


@dataclass
class Heard:
    """`seconds`: how long each answer took. `errors`: what was no answer, or no good one."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass
class SimulatedDevice:
    """Has a key, and an access token once it signed in."""

    id: str
    key: Ed25519PrivateKey
    viewers: int = 0
    access: str = ""

    @property
    def address(self) -> str:
        """One of the range for such tests (RFC 2544)."""
        first, second = self.key.public_key().public_bytes_raw()[:2]
        return f"198.18.{first}.{second}"

    def signed(self, purpose: str, what: str, url: str) -> str:
        return bytes_to_base64url(self.key.sign(f"pi-cam.v1\n{purpose}\n{url}\n{what}".encode()))

    def presence(self, url: str) -> dict[str, Any]:
        """All that a device says, with how it is and the head of its journal."""
        if random.random() < CHANGES:
            self.viewers = 1 - self.viewers
        camera = {
            "id": "camera-0",
            "name": "Camera 0",
            "state": "live" if self.viewers else "idle",
            "viewers": self.viewers,
        }
        now = time.time()
        row, at = beginning(url, self.id), int(now * 1000)
        head = {"seq": 0, "hash": bytes_to_base64url(row), "at": at}
        head["signature"] = self.signed("journal-head", head_text(self.id, 0, row, at), url)
        health = {
            "uptime_seconds": int(now) % 10**6,
            "temperature": 48.2,
            "disk_free": 9 * 10**9,
            "disk_size": 3 * 10**10,
        }
        return {
            "version": "0.1.0",
            "public_name": "cam.example.net",
            "keys_version": 1,
            "cameras": [camera],
            "health": health,
            "journal": head,
        }


class Fleet:
    """Devices that all belong to somebody already. `socket`: where the portal listens. `url`: its address, which is in what
    devices sign."""

    def __init__(self, devices: list[SimulatedDevice], socket: Path, url: str) -> None:
        self.devices, self._socket, self._url = devices, socket, url
        self._host = url.partition("://")[2]

    async def sign_in(self) -> None:
        """All of them, some at a time. Raises `RuntimeError` when the portal refuses one."""
        free = asyncio.Semaphore(SIGN_INS_AT_ONCE)

        async def one(device: SimulatedDevice) -> None:
            async with free:
                asked = {"grant": "key", "device": device.id}
                challenge = (await self._good(device, "token", asked))["challenge"]
                proof = {"challenge": challenge, "signature": device.signed("challenge", challenge, self._url)}
                device.access = (await self._good(device, "token", {**asked, **proof}))["access_token"]

        await asyncio.gather(*map(one, self.devices))

    async def be_there(self, every: float, seconds: float) -> Heard:
        """Each says so every so many seconds, beginning anywhere, whatever the others do."""
        heard, begun = Heard(), time.monotonic()

        async def one(device: SimulatedDevice) -> None:
            at = begun + random.random() * every
            while at < begun + seconds:
                await asyncio.sleep(max(0.0, at - time.monotonic()))
                asked = time.monotonic()
                try:
                    status, body = await self._say(device, "presence", device.presence(self._url))
                except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
                    heard.errors.append(repr(error))
                else:
                    heard.seconds.append(time.monotonic() - asked)
                    if status != 200:
                        heard.errors.append(f"{status} {body}")
                at += every

        await asyncio.gather(*map(one, self.devices))
        return heard

    async def _good(self, device: SimulatedDevice, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        status, answer = await self._say(device, noun, body)
        if status != 200:
            raise RuntimeError(f"{noun}: {status} {answer}")
        return answer

    async def _say(self, device: SimulatedDevice, noun: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """On a connection of its own, as devices do that speak twice a minute; from an address of the device's own, as the
        server in front of the portal tells it."""
        content = json.dumps(body).encode()
        lines = [f"POST /device/v1/{noun} HTTP/1.1", f"Host: {self._host}", "Connection: close"]
        lines += [f"X-Forwarded-For: {device.address}"]
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        lines += [f"Authorization: Bearer {device.access}"] if device.access else []
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(str(self._socket))
            try:
                writer.write("\r\n".join([*lines, "", ""]).encode() + content)
                said = await reader.read()
            finally:
                writer.close()
        beginning, _, answer = said.partition(b"\r\n\r\n")
        return int(beginning.split(b" ", 2)[1]), json.loads(answer)
