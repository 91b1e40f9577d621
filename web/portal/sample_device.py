"""A device that is nowhere, for `make portal`: it says to the portal what a camera at home says, signed by a key of its own.

As a program (`python -m web.portal.sample_device PARENT`) it says twice a minute that it is there, until the process PARENT
has ended.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from webauthn.helpers import bytes_to_base64url

from web.journal.forwarded import HEAD_PURPOSE, Forwarded, beginning, head_text
from web.portal.devices.proofs import PROTOCOL, id_of
from web.portal.settings import Settings, from_environment

SPEAKS_EVERY_SECONDS, LOOKS_EVERY_SECONDS = 30.0, 1.0
VERSION = "0.1.0"

Said = dict[str, Any]
Ask = Callable[[str, Said, Mapping[str, str]], Said]
"""Says something to the portal: the last word of the path, the body, headers. Gives the answer; raises `OSError` for one
that is not 200."""

Deed = tuple[datetime, str, str, str, str, Said]
"""A row of the journal: when, by whom, what, at which camera, with which result, and what else is to be said of it."""


class SampleDevice:
    """`name`: of which its key is made, the same at each start. `cameras`: as it describes them."""

    def __init__(self, name: str, settings: Settings, cameras: list[Said], public_name: str | None, ask: Ask) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(settings.key(f"sample device {name}"))
        self._url = settings.url
        self.cameras = cameras
        self._public_name = public_name
        self._ask = ask
        self._device_code = ""
        self._names: list[str] = []
        self.id = id_of(self._public_key)
        self._last = (0, beginning(self._url, self.id))

    @property
    def _public_key(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def show_code(self, name: str, model: str) -> str:
        """What somebody types at the portal."""
        nonce = secrets.token_urlsafe(16)
        body = {"public_key": bytes_to_base64url(self._public_key), "nonce": nonce, "name": name, "model": model}
        answer = self._ask("authorize", {**body, "version": VERSION, "signature": self._signed("authorize", nonce)}, {})
        self._device_code = answer["device_code"]
        return str(answer["user_code"])

    def say_yes(self) -> None:
        """Hears who typed the code, and belongs to them."""
        code = self._device_code
        self._ask("token", {"grant": "code", "device_code": code, "signature": self._signed("token", code)}, {})
        self.be_there()

    def be_there(self) -> None:
        """That it is there, what it has and how it is."""
        health = {"uptime_seconds": 86_400, "temperature": 48.7, "disk_free": 21 * 10**9, "disk_size": 32 * 10**9}
        body = {"version": VERSION, "public_name": self._public_name, "keys_version": 1, "cameras": self.cameras}
        self._say("presence", {**body, "health": health})

    def write(self, deeds: Iterable[Deed]) -> None:
        """Forwards them as the next rows of its journal, and signs the last one as of then."""
        before, rows = self._last[1], list[Said]()
        for at, actor, action, camera, result, detail in deeds:
            seq, previous = self._last
            text = json.dumps(detail) if detail else ""
            row = Forwarded(seq + 1, _milliseconds(at), actor, action, camera, result, text)
            self._last = (row.seq, row.hash(previous))
            rows.append({**asdict(row), "hash": bytes_to_base64url(self._last[1])})
        self._say("journal", {"previous": bytes_to_base64url(before), "rows": rows, "head": self._head(rows[-1]["at"])})

    def tell(self, rows: Iterable[Said] = (), outcomes: Iterable[Said] = ()) -> list[Said]:
        """Rows of its configuration, and what became of edits; gives the edits that wait."""
        told = list(rows)
        self._names += [row["name"] for row in told if row["name"] not in self._names]
        answer = self._say("config", {"names": self._names, "rows": told, "outcomes": list(outcomes)})
        return list(answer["edits"])

    def _head(self, at: int) -> Said:
        seq, row_hash = self._last
        signature = self._signed(HEAD_PURPOSE, head_text(self.id, seq, row_hash, at))
        return {"seq": seq, "hash": bytes_to_base64url(row_hash), "at": at, "signature": signature}

    def _say(self, noun: str, body: Said) -> Said:
        """With a token that was never used before: between two words days may pass."""
        asked = {"grant": "key", "device": self.id}
        challenge = self._ask("token", asked, {})["challenge"]
        signature = self._signed("challenge", challenge)
        token = self._ask("token", {**asked, "challenge": challenge, "signature": signature}, {})["access_token"]
        return self._ask(noun, body, {"Authorization": f"Bearer {token}"})

    def _signed(self, purpose: str, what: str) -> str:
        return bytes_to_base64url(self._key.sign(f"{PROTOCOL}\n{purpose}\n{self._url}\n{what}".encode()))


def house(settings: Settings, ask: Ask) -> SampleDevice:
    """One that is there."""
    cameras = [
        {"id": "main", "name": "Front door", "state": "live", "viewers": 1},
        {"id": "garden", "name": "Garden", "state": "idle", "viewers": 0},
    ]
    return SampleDevice("house", settings, cameras, "house.example.org", ask)


def cottage(settings: Settings, ask: Ask) -> SampleDevice:
    """One that was last heard of some hours ago."""
    cameras = [{"id": "main", "name": "Living room", "state": "stopped", "viewers": 0}]
    return SampleDevice("cottage", settings, cameras, None, ask)


def over_http(settings: Settings) -> Ask:
    """To the portal as it is served."""
    parts = urlsplit(settings.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection

    def ask(noun: str, body: Said, headers: Mapping[str, str]) -> Said:
        connection = kind(parts.hostname or "", parts.port, timeout=10)
        try:
            told = {"Content-Type": "application/json", **headers}
            connection.request("POST", f"/device/v1/{noun}", json.dumps(body), told)
            with connection.getresponse() as response:
                text = response.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()
        if response.status != 200:
            raise ConnectionError(f"the portal answers {response.status} to {noun}")
        return dict(json.loads(text))

    return ask


def speak(device: SampleDevice, parent: int) -> None:
    """Until that process has ended."""
    due = 0.0
    while os.getppid() == parent:
        if time.monotonic() >= due:
            due = time.monotonic() + SPEAKS_EVERY_SECONDS
            try:
                device.be_there()
            except ConnectionRefusedError:  # the portal starts
                due = 0.0
            except OSError:  # it is busy, or somebody removed the device there
                pass
        time.sleep(LOOKS_EVERY_SECONDS)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


if __name__ == "__main__":
    own = from_environment(os.environ)
    speak(house(own, over_http(own)), int(sys.argv[1]))
