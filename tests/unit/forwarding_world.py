"""A device with a journal, and a portal that takes its rows and may break: for tests of what lies between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from pi_cam.errors import PiCamError, PortalUnreachable
from pi_cam.journal import Journal
from pi_cam.journal.actions import Entry
from pi_cam.journal.ledger import Filter, Ledger
from pi_cam.remote.journal_forward import NEVER, JournalForward
from pi_cam.remote.portal_client import Answer
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.pairing import Portal
from tests.portal_double import ISSUER, Signer
from web.journal.forwarded import Forwarded, beginning, first_fault

PORTAL = Portal(ISSUER, "a***@example.org", Signer().keys, accepted=True, paired_at=100.0)
SECRET = b"s" * 32


class Keeper:
    """The portal's half, as `web.portal.devices.journal.intake` does it: takes what fits, and may break after it did."""

    def __init__(self, device: str) -> None:
        self.address = ISSUER
        self.device = device
        self.rows: list[tuple[Forwarded, bytes]] = []
        self.heads: list[dict[str, Any]] = []
        self.fault: PiCamError | None = None
        self.breaks_before = self.breaks_after = 0
        self.largest = 0

    def held(self) -> dict[str, Any]:
        seq, last = (self.rows[-1][0].seq, self.rows[-1][1]) if self.rows else (0, beginning(ISSUER, self.device))
        return {"seq": seq, "hash": bytes_to_base64url(last)}

    def say(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        assert noun == "journal"
        self.largest = max(self.largest, len(json.dumps(body)))
        if self.fault is not None:
            raise self.fault
        if self.breaks_before:
            self.breaks_before -= 1
            raise PortalUnreachable("gone")
        previous = base64url_to_bytes(body["previous"])
        assert body["previous"] == self.held()["hash"], "it goes on from what we have"
        for said in body["rows"]:
            own = base64url_to_bytes(said.pop("hash"))
            row = Forwarded(**said)
            assert row.hash(previous) == own
            assert row.seq == len(self.rows) + 1
            self.rows.append((row, own))
            previous = own
        self.heads.append(body["head"])
        if self.breaks_after:
            self.breaks_after -= 1
            raise PortalUnreachable("the answer did not arrive")
        return {"journal": self.held()}

    def authorize(self, device: dict[str, Any], nonce: str) -> dict[str, Any]:
        raise NotImplementedError

    def poll(self, device_code: str) -> Answer:
        raise NotImplementedError


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = DeviceKey.load(folder)
        self.now = 1_800_000_000.0
        self.ledger = Ledger(folder, SECRET)
        self.ledger.open(self.now)
        self.portal = Keeper(self.key.id)
        self.restart()

    def restart(self) -> None:
        """Whatever was in memory is gone."""
        self.journal = Journal(self.ledger, clock=lambda: self.now)
        self.journal.append = self._write  # type: ignore[method-assign]  # at once, without its thread
        self.forward = JournalForward(self.journal, self.folder, self.key, lambda: self.now)

    def _write(self, action: str, *, actor: str = "", camera: str = "", address: str = "", **more: Any) -> None:
        result = more.pop("result", "ok")
        self.ledger.add([Entry(self.now, action, actor, camera, address, result, more)])

    def did(self, count: int, action: str = "watched", start: int = 0) -> None:
        numbers = [{"number": number} for number in range(start, start + count)]
        self.ledger.add([Entry(self.now, action, "Ada", "main", "192.168.1.7", "ok", detail) for detail in numbers])

    def pair(self) -> None:
        self.forward.begin(PORTAL)

    def speak(self, rounds: int = 50) -> None:
        """As the link does: what was said to presence, then batch after batch."""
        answer: dict[str, Any] = {"journal": self.portal.held()}
        for _ in range(rounds):
            try:
                if self.forward.step(self.portal, PORTAL, answer) == NEVER:
                    return
                answer = {}
            except PortalUnreachable:
                answer = {"journal": self.portal.held()}

    def actions(self) -> list[str]:
        return [row.action for row, _ in self.portal.rows]

    def numbers(self) -> list[int]:
        return [json.loads(row.detail).get("number", -1) for row, _ in self.portal.rows]

    def noted(self) -> list[str]:
        return [row.action for row in self.ledger.rows(Filter(), 500, newest_first=False)]

    def is_whole(self) -> bool:
        return first_fault(self.portal.rows, 0, beginning(ISSUER, self.key.id))[2] is None


def vars_of(row: Forwarded) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Forwarded.__slots__}
