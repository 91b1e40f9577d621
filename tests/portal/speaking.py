"""A device that speaks to the portal, made by the test: what it says may be wrong."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from webauthn.helpers import bytes_to_base64url
from werkzeug.test import TestResponse

from tests.portal.visitor import URL
from web.portal.devices.proofs import id_of

DESCRIBED = {"name": "Porch", "model": "Raspberry Pi 5", "version": "0.1.0"}
CAMERAS = [{"id": "main", "name": "Front door", "state": "idle", "viewers": 0}]


class Speaker:
    """Has a key, and knows how to sign."""

    def __init__(self, app: Flask, address: str = "192.0.2.7", url: str = URL) -> None:
        self.client = app.test_client()
        self.address = address
        self.url = url
        self.key = Ed25519PrivateKey.generate()
        self.id = id_of(self.public_key)
        self.access = ""
        self.codes: dict[str, Any] = {}

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    def signed(self, purpose: str, what: str, url: str | None = None) -> str:
        return bytes_to_base64url(self.key.sign(f"pi-cam.v1\n{purpose}\n{url or self.url}\n{what}".encode()))

    def say(self, noun: str, body: Any, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.access}"} if self.access else {}
        return self.client.post(
            f"/device/v1/{noun}",
            json=body,
            base_url=URL,
            headers=headers | options.pop("headers", {}),
            environ_overrides={"REMOTE_ADDR": self.address},
            **options,
        )

    def authorize(self, **changed: Any) -> TestResponse:
        body = {
            "public_key": bytes_to_base64url(self.public_key),
            "nonce": "n1",
            "signature": self.signed("authorize", "n1"),
            **DESCRIBED,
            **changed,
        }
        answer = self.say("authorize", body)
        if answer.status_code == 200:
            self.codes = answer.get_json()
        return answer

    def poll(self, **changed: Any) -> TestResponse:
        code = self.codes["device_code"]
        return self.say(
            "token", {"grant": "code", "device_code": code, "signature": self.signed("token", code), **changed}
        )

    def sign_in(self, **changed: Any) -> TestResponse:
        self.access = ""
        asked = {"grant": "key", "device": self.id}
        challenge = self.say("token", asked).get_json()["challenge"]
        body = {**asked, "challenge": challenge, "signature": self.signed("challenge", challenge), **changed}
        answer = self.say("token", body)
        if answer.status_code == 200:
            self.access = answer.get_json()["access_token"]
        return answer

    def presence(self, **changed: Any) -> TestResponse:
        body = {"version": "0.1.0", "public_name": "cam.example.org", "keys_version": 1, "cameras": CAMERAS, **changed}
        return self.say("presence", body)
