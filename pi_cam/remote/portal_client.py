"""JSON over HTTPS to one portal. The device speaks, the portal answers; nothing that it answers makes the device do more
than what is written here."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from webauthn.helpers import bytes_to_base64url

from pi_cam.errors import PortalRefused, PortalUnreachable, SettingError
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.own_names import LOOPBACK_NAMES

SECONDS = 10.0
LARGEST_ANSWER = 256 * 1024
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST = re.compile(rf"(?=.{{1,253}}$){LABEL}(\.{LABEL})*|[0-9a-f:.]{{2,45}}", re.ASCII)
PROTOCOL = "pi-cam.v1"


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` and the object that came with it."""

    status: int
    body: dict[str, Any]


def checked_address(address: str) -> str:
    """A portal's origin (RFC 6454), such as https://portal.example. Raises `SettingError`. Plain HTTP only to this machine:
    for trying."""
    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise SettingError("This is not a portal's address.") from None
    plain = parts.scheme == "http" and host in LOOPBACK_NAMES
    extra = parts.path not in ("", "/") or parts.query or parts.fragment or parts.username or parts.password
    if not HOST.fullmatch(host) or extra or not (parts.scheme == "https" or plain):
        raise SettingError("A portal's address looks like https://portal.example.")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


class PortalClient:
    """Asks one portal, as this device. One thread calls it. Every method raises `PortalUnreachable` and `PortalRefused`."""

    def __init__(
        self, address: str, key: DeviceKey, context: ssl.SSLContext | None = None, *, seconds: float = SECONDS
    ) -> None:
        self.address = address
        self._seconds = seconds
        self._key = key
        self._context = context or ssl.create_default_context()
        self._access = ""

    def authorize(self, device: dict[str, Any], nonce: str) -> dict[str, Any]:
        """Asks for a code that a person types there: RFC 8628, section 3.1, signed. `device`: what is shown of it."""
        signature = self._signed("authorize", nonce)
        key = bytes_to_base64url(self._key.public_bytes)
        return self._good("authorize", {**device, "public_key": key, "nonce": nonce, "signature": signature})

    def poll(self, device_code: str) -> Answer:
        """Whether somebody typed it: RFC 8628, section 3.4. The signature makes a stolen code useless."""
        body = {"grant": "code", "device_code": device_code, "signature": self._signed("token", device_code)}
        return self._ask("token", body)

    def say(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        """Says something as the paired device: `presence`, `journal`, `config`, `epoch`, `ice`."""
        if not self._access:
            self._sign_in()
        answer = self._ask(noun, body)
        if answer.status == 401:
            self._sign_in()
            answer = self._ask(noun, body)
        return self._checked(answer)

    def _sign_in(self) -> None:
        """An access token, for a signed challenge: neither needs a clock that is right."""
        asked = {"grant": "key", "device": self._key.id}
        challenge = _text(self._good("token", asked), "challenge")
        signature = self._signed("challenge", challenge)
        self._access = _text(
            self._good("token", {**asked, "challenge": challenge, "signature": signature}), "access_token"
        )

    def _signed(self, purpose: str, what: str) -> str:
        """Bound to this portal, so that none can pass it on to another."""
        return bytes_to_base64url(self._key.sign(f"{PROTOCOL}\n{purpose}\n{self.address}\n{what}".encode()))

    def _good(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._checked(self._ask(noun, body))

    @staticmethod
    def _checked(answer: Answer) -> dict[str, Any]:
        if 200 <= answer.status < 300:
            return answer.body
        if answer.status >= 500 or answer.status == 429:
            raise PortalUnreachable(f"The portal cannot answer now ({answer.status}).")
        raise PortalRefused(f"The portal refused this ({answer.status}).", str(answer.body.get("code", "")))

    def _ask(self, noun: str, body: dict[str, Any]) -> Answer:
        parts = urlsplit(self.address)
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
        if self._access:
            headers["Authorization"] = f"Bearer {self._access}"
        connection = self._connection(parts.scheme, parts.hostname or "", parts.port)
        try:
            connection.request("POST", f"/device/v1/{noun}", json.dumps(body).encode(), headers)
            response = connection.getresponse()
            return Answer(response.status, _object(response.read(LARGEST_ANSWER + 1)))
        except ssl.SSLCertVerificationError as error:
            raise PortalUnreachable(
                f"The portal's certificate is not to be trusted: {error.verify_message}."
            ) from error
        except (OSError, UnicodeError, http.client.HTTPException) as error:
            raise PortalUnreachable(f"The portal {parts.hostname} does not answer.") from error
        finally:
            connection.close()

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._seconds)
        return http.client.HTTPSConnection(host, port, timeout=self._seconds, context=self._context)


def _object(data: bytes) -> dict[str, Any]:
    if len(data) > LARGEST_ANSWER:
        raise PortalUnreachable("The portal's answer is too long.")
    try:
        found = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {}


def _text(answer: dict[str, Any], name: str) -> str:
    found = answer.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= 4096:
        raise PortalUnreachable("The portal's answer makes no sense.")
    return found
