"""Somebody at the far end of a tunnel who reads the page's WebSocket, and changes what is said there (RFC 6455)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from webauthn.helpers import bytes_to_base64url

Message = dict[str, Any]
FINGERPRINT = re.compile(r"a=fingerprint:sha-256 [0-9A-F:]+")
OTHER_FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["5E"] * 32)
TEXT = 0x81


class Meddler:
    """Honest, until a test says what it does: `change_offer` and `change_answer` take a message and give back another.
    `seen`: the offers and answers, in order, as they came."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.seen: list[Message] = []
        self.change_offer: Callable[[Message], Message] = lambda message: message
        self.change_answer: Callable[[Message], Message] = lambda message: message

    def be_honest(self) -> None:
        self.change_offer = self.change_answer = lambda message: message

    @property
    def public_key(self) -> str:
        return bytes_to_base64url(self.key.public_key().public_bytes_raw())

    def sign(self, answer: Message, camera: str = "main") -> Message:
        """The same answer as ours: with our key, and our good signature under it."""
        offer = next(one for one in reversed(self.seen) if one["type"] == "offer")
        digests = [hashlib.sha256(text.encode()).hexdigest() for text in (offer["sdp"], answer["sdp"])]
        text = "\n".join(["pi-cam.v1\nmedia", camera, offer["nonce"], *digests])
        return {**answer, "key": self.public_key, "signature": bytes_to_base64url(self.key.sign(text.encode()))}

    def sign_as_ours(self, answer: Message) -> Message:
        """Our key in place of the device's; the media goes on between the two."""
        return self.sign(answer)

    def take_its_place(self, answer: Message) -> Message:
        """Fingerprint and key together: what somebody does who wants the pictures for themselves."""
        return self.sign(with_other_fingerprint(answer))

    def replay(self, answer: Message) -> Message:
        """What the device signed first, once more."""
        first = next(one for one in self.seen if one["type"] == "answer")
        return {**first, "id": answer["id"]}

    def with_an_old_signature(self, answer: Message) -> Message:
        first = next(one for one in self.seen if one["type"] == "answer")
        return {**answer, "signature": first["signature"]}

    def apply(self, text: bytes) -> bytes:
        try:
            message = json.loads(text)
        except ValueError:
            return text
        kind = message.get("type")
        if kind not in ("offer", "answer"):
            return text
        self.seen.append(message)
        changed = self.change_offer(message) if kind == "offer" else self.change_answer(message)
        return json.dumps(changed).encode()

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, has_head: bool) -> None:
        """Frame by frame until the end. `has_head`: an HTTP answer comes first."""
        if has_head:
            writer.write(await reader.readuntil(b"\r\n\r\n"))
            await writer.drain()
        while True:
            first, payload, is_masked = await _read_frame(reader)
            writer.write(_frame(first, self.apply(payload) if first == TEXT else payload, masked=is_masked))
            await writer.drain()


def with_other_fingerprint(message: Message) -> Message:
    return {**message, "sdp": FINGERPRINT.sub(OTHER_FINGERPRINT, message["sdp"])}


def without_proof(message: Message) -> Message:
    return {name: value for name, value in message.items() if name not in ("key", "signature")}


async def _read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size >= 126:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4) if second & 0x80 else b""
    payload = await reader.readexactly(size)
    return first, _masked(payload, mask) if mask else payload, bool(mask)


def _frame(first: int, payload: bytes, *, masked: bool) -> bytes:
    flag, size = 0x80 if masked else 0, len(payload)
    if size < 126:
        head = bytes([first, flag | size])
    elif size < 65536:
        head = bytes([first, flag | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, flag | 127]) + size.to_bytes(8, "big")
    mask = os.urandom(4) if masked else b""
    return head + mask + (_masked(payload, mask) if mask else payload)


def _masked(payload: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
