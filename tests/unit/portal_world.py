"""A portal that a test answers for, and the threads' work that speaks to it, with the test's clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pi_cam.errors import PiCamError
from pi_cam.journal import Journal
from pi_cam.journal.ledger import Ledger
from pi_cam.remote.epoch_watch import EpochWatch
from pi_cam.remote.journal_forward import JournalForward
from pi_cam.remote.link import Link
from pi_cam.remote.portal_client import Answer
from pi_cam.store import Store
from pi_cam.trust import entry
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.pairing import Pairing
from pi_cam.trust.portal_sessions import PortalSessions
from tests.portal_double import ISSUER, Signer

OWNER = "a***@example.org"
CODE = {
    "device_code": "d" * 43,
    "user_code": "BCDF-GHJK",
    "verification_uri": f"{ISSUER}/pair",
    "verification_uri_complete": f"{ISSUER}/pair?code=BCDF-GHJK",
    "interval": 5,
    "expires_in": 600,
}


class FakePortal:
    """A client that answers what a test says, and keeps what was said to it."""

    def __init__(self) -> None:
        self.address = ISSUER
        self.code: dict[str, Any] = dict(CODE)
        self.polls: list[Answer] = []
        self.answers: dict[str, Any] = {"presence": {}, "epoch": {"epochs": {}}, "unpair": {}}
        self.said: list[tuple[str, dict[str, Any]]] = []

    def authorize(self, device: dict[str, Any], nonce: str) -> dict[str, Any]:
        self.said.append(("authorize", device))
        return self.code

    def poll(self, device_code: str) -> Answer:
        return self.polls.pop(0) if self.polls else Answer(400, {"error": "authorization_pending"})

    def say(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        self.said.append((noun, body))
        answer = self.answers[noun]
        if isinstance(answer, PiCamError):
            raise answer
        return dict(answer)

    def nouns(self) -> list[str]:
        return [noun for noun, _ in self.said]


class World:
    def __init__(self, folder: Path) -> None:
        store = Store(folder)
        store.open()
        self.ledger, self.key = Ledger(folder, store.secret()), DeviceKey.load(folder)
        self.ledger.open(0.0)
        self.now = 1_000.0
        self.portal, self.signer = FakePortal(), Signer()
        self.pairing = Pairing(store)
        self.sessions = PortalSessions(store, lambda: frozenset(), lambda: 1_800_000_000 + self.now)
        self.notes: list[str] = []
        self.link = Link(
            self.pairing,
            lambda address: self.portal,
            lambda: {"name": "porch"},
            lambda: {"cameras": []},
            lambda action, **_: self.notes.append(action),
            JournalForward(Journal(self.ledger), folder, self.key),
            lambda: self.now,
        )
        self.epochs = EpochWatch(
            self.pairing, self.sessions, lambda address: self.portal, self.link.speak_soon, lambda: self.now
        )

    def pair(self) -> None:
        self.pairing.claimed(ISSUER, OWNER, self.signer.keys)
        self.pairing.accept(OWNER)

    def come_in(self, subject: str = "account-7") -> str:
        came = entry.Entry(subject, "Ada", "member", 1, frozenset({"view"}), {})
        return self.sessions.open(came, address="", agent="")[0]


def claim(world: World, **changed: Any) -> Answer:
    return Answer(200, {"owner": OWNER, "keys": world.signer.keys.as_json(), **changed})
