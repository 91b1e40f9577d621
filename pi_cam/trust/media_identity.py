"""This device's word for an answer: whoever holds its public key can tell that the answer to their offer is its own, and so
that nobody in between put other keys into either of the two (docs/protocol.md, "Who answers").

Signed with the device's Ed25519 key (RFC 8032) is a text of six lines: `pi-cam.v1`, `media`, the camera, the viewer's nonce,
and the SHA-256 of the offer as it came and of the answer as it goes, in hex. Both hold the DTLS fingerprints (RFC 8122), so
that no media flows to anybody else; the offer and the nonce are new each time, so that no older signature fits.
"""

from __future__ import annotations

import hashlib
import re

from webauthn.helpers import bytes_to_base64url

from pi_cam.errors import OfferRefused
from pi_cam.trust.device_key import DeviceKey

CONTEXT = "pi-cam.v1\nmedia"
"""Nothing else that this key signs begins so: portals are answered with `pi-cam.v1`, another purpose, and their address."""

_NONCE = re.compile(r"[\w-]{16,64}", re.ASCII)
_GROUP = 4


class MediaIdentity:
    """Vouches for answers. Any thread; a signature takes some 50 µs."""

    def __init__(self, key: DeviceKey) -> None:
        self._key = key

    @property
    def public_key(self) -> str:
        """What a browser remembers: 32 bytes in base64url."""
        return bytes_to_base64url(self._key.public_bytes)

    @property
    def code(self) -> str:
        """The device's id as people compare it, `abcd-efgh-…`: 100 bits of the key's SHA-256."""
        return "-".join(self._key.id[start : start + _GROUP] for start in range(0, len(self._key.id), _GROUP))

    def vouch(self, camera: str, nonce: str, offer: str, answer: str) -> dict[str, str]:
        """`key` and `signature`, in base64url."""
        signature = self._key.sign(signed_text(camera, nonce, offer, answer))
        return {"key": self.public_key, "signature": bytes_to_base64url(signature)}


def signed_text(camera: str, nonce: str, offer: str, answer: str) -> bytes:
    """What is signed. `nonce`: one that `checked_nonce` let through, so that no line of it can pass for another."""
    # Half a character, which no browser sends, is no reason to fail: its sender only gets what does not fit.
    digests = (hashlib.sha256(text.encode(errors="replace")).hexdigest() for text in (offer, answer))
    return "\n".join((CONTEXT, camera, nonce, *digests)).encode()


def checked_nonce(nonce: object) -> str | None:
    """That of an offer; None where there is none. Raises `OfferRefused`."""
    if nonce is None:
        return None
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        raise OfferRefused("A nonce has 16 to 64 letters of base64url.")
    return nonce
