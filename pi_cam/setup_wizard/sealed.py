"""What the hotspot's page sends: a network's name and password, sealed in the browser to a key of this machine.

The page comes by plain HTTP, where browsers offer no cryptography of their own: it seals with TweetNaCl (`nacl.box`:
X25519, XSalsa20, Poly1305) and a key of its own that it forgets. This side's key lives in memory alone, as long as this
program does: who recorded the air, even with the card in hand, cannot open it later.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field

from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey

from pi_cam.setup_wizard.wifi import WifiError

KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 24, 16
SEALED_LETTERS_MAX = 2048
REMEMBERED = 256
OUT_OF_DATE = "This form is out of date: load the page again."


@dataclass(frozen=True, slots=True)
class Credentials:
    """As a person typed them; nothing in them has been checked but their kind."""

    ssid: str
    passphrase: str | None = field(repr=False)
    hidden: bool = False


class Seal:
    """One key; every sealed text is opened once."""

    def __init__(self) -> None:
        self._key = PrivateKey.generate()
        self._opened: set[bytes] = set()

    @property
    def public(self) -> str:
        """The key to seal to: 32 bytes in base64."""
        return base64.b64encode(bytes(self._key.public_key)).decode("ascii")

    def open(self, sealed: str) -> Credentials:
        """`sealed`: base64 of the page's public key, a nonce, and the box of a JSON object. Raises `WifiError`."""
        try:
            data = base64.b64decode(sealed[: SEALED_LETTERS_MAX + 1], validate=True)
            sender, nonce, box = data[:KEY_BYTES], data[KEY_BYTES:][:NONCE_BYTES], data[KEY_BYTES + NONCE_BYTES :]
            if len(sealed) > SEALED_LETTERS_MAX or len(box) < TAG_BYTES or sender in self._opened:
                raise WifiError(OUT_OF_DATE)
            text = Box(self._key, PublicKey(sender)).decrypt(box, nonce)
            found = credentials(json.loads(text))
        except (binascii.Error, CryptoError, UnicodeError, ValueError, RecursionError):
            raise WifiError(OUT_OF_DATE) from None
        if len(self._opened) >= REMEMBERED:
            self._key, self._opened = PrivateKey.generate(), set()
        self._opened.add(sender)
        return found


def credentials(found: object) -> Credentials:
    """Raises `ValueError` for anything but an object with just these words."""
    if not isinstance(found, dict) or not {"ssid"} <= set(found) <= {"ssid", "passphrase", "hidden"}:
        raise ValueError
    ssid, passphrase, hidden = found["ssid"], found.get("passphrase"), found.get("hidden", False)
    if not isinstance(ssid, str) or not isinstance(hidden, bool) or not isinstance(passphrase, str | None):
        raise ValueError
    return Credentials(ssid, passphrase, hidden)
