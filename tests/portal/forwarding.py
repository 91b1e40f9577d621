"""A device's journal on its way to the portal: rows as a device makes them, and those that no device would."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from webauthn.helpers import bytes_to_base64url
from werkzeug.test import TestResponse

from tests.portal.speaking import Speaker
from tests.portal.visitor import URL, Visitor
from web.journal.forwarded import Forwarded, beginning, head_text

MOMENT = 1_700_000_000_000


class Scribe:
    """Of one device. `last`: number and hash of the newest row that it made."""

    def __init__(self, device: Speaker) -> None:
        self.device = device
        self.last = (0, beginning(URL, device.id))

    def row(self, **changed: Any) -> dict[str, Any]:
        """The next one, in JSON. `changed`: of what it holds; the hash fits."""
        seq, previous = self.last
        at = int(time.time() * 1000)
        values = {"at": at, "actor": "Ada", "action": "watched", "camera": "main", "result": "ok", "detail": '{"a":1}'}
        row = Forwarded(**{"seq": seq + 1, **values, **changed})
        self.last = (row.seq, row.hash(previous))
        return {**asdict(row), "hash": bytes_to_base64url(self.last[1])}

    def head(self, **changed: Any) -> dict[str, Any]:
        """The newest row, signed now."""
        at = int(time.time() * 1000)
        what = head_text(self.device.id, *self.last, at)
        signature = self.device.signed("journal-head", what)
        seq, row_hash = self.last
        return {"seq": seq, "hash": bytes_to_base64url(row_hash), "at": at, "signature": signature, **changed}

    def batch(self, count: int = 1, **changed: Any) -> dict[str, Any]:
        """The next rows."""
        previous = bytes_to_base64url(self.last[1])
        rows = [self.row(**changed) for _ in range(count)]
        return {"previous": previous, "rows": rows, "head": self.head()}

    def say(self, body: Any) -> TestResponse:
        return self.device.say("journal", body)

    def did(self, count: int = 1, **changed: Any) -> None:
        answer = self.say(self.batch(count, **changed))
        assert answer.status_code == 200, answer.text
        assert answer.get_json() == {"journal": {"seq": self.last[0], "hash": bytes_to_base64url(self.last[1])}}


def paired(person: Visitor, device: Speaker, **described: Any) -> Scribe:
    """The device belongs to this person from then on."""
    code = device.authorize(**described).get_json()["user_code"]
    assert person.post("/pair", code=code).status_code == 200
    assert person.send("POST", "/pair/claim", data={"form_token": person.token, "code": code}).status_code == 303
    assert device.poll().status_code == 200
    assert device.sign_in().status_code == 200
    assert device.presence().status_code == 200
    return Scribe(device)
