"""A real SMTP server that keeps what it is given."""

from __future__ import annotations

import asyncio
import email
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

LINK = re.compile(r"https?://\S+/(?:confirm|reset|account/email|invitation)/\S+")


class PostOffice:
    """`letters`: oldest first. `refused`: addresses, with what is answered for them. `tried`: addresses, each time.
    `is_open`: letters are taken in while it is true."""

    def __init__(self) -> None:
        self.port = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        self.letters: list[EmailMessage] = []
        self.refused: dict[str, str] = {}
        self.tried: list[str] = []
        self.is_open = True

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.tried.append(address)
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        while not self.is_open:  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.01)
        content: Any = envelope.content
        letter = email.message_from_bytes(content, policy=default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 kept"

    def to(self, address: str) -> list[EmailMessage]:
        return [letter for letter in self.letters if letter["To"] == address]

    def link(self, address: str, after: int = 0) -> str:
        """The path of the link in the newest letter to somebody, which leaves after the page that tells of it. `after`: how
        many letters there were before; one more is waited for."""
        deadline = time.monotonic() + 15
        while len(self.to(address)) <= after and time.monotonic() < deadline:
            time.sleep(0.02)
        found = LINK.search(self.to(address)[-1].get_content())
        assert found
        return "/" + found[0].split("/", 3)[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def open_post_office(**options: Any) -> Iterator[PostOffice]:
    """`options`: those of aiosmtpd's `SMTP`."""
    office = PostOffice()
    office.port = free_port()
    controller = Controller(office, hostname="127.0.0.1", port=office.port, **options)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()
