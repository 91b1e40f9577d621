"""A device's word for an answer: what exactly is signed, and that nothing else fits."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from webauthn.helpers import base64url_to_bytes

import web.ui
from pi_cam.errors import OfferRefused
from pi_cam.remote.portal_client import PortalClient
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.media_identity import MediaIdentity, checked_nonce, signed_text

SAID = {"camera": "main", "nonce": "0123456789abcdef", "offer": "v=0\r\no=browser\r\n", "answer": "v=0\r\no=camera\r\n"}


@pytest.fixture
def identity() -> MediaIdentity:
    return MediaIdentity(DeviceKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32)))))


def holds(proof: dict[str, str], **said: str) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(base64url_to_bytes(proof["key"]))
        key.verify(base64url_to_bytes(proof["signature"]), signed_text(**{**SAID, **said}))
    except InvalidSignature:
        return False
    return True


def test_the_text_is_the_one_that_the_protocol_says() -> None:
    digests = [hashlib.sha256(SAID[name].encode()).hexdigest() for name in ("offer", "answer")]
    expected = f"pi-cam.v1\nmedia\nmain\n0123456789abcdef\n{digests[0]}\n{digests[1]}"
    assert signed_text(**SAID) == expected.encode()


def test_a_signature_fits_what_was_said(identity: MediaIdentity) -> None:
    proof = identity.vouch(**SAID)
    assert proof["key"] == identity.public_key
    assert holds(proof)


def test_the_browsers_side_is_tried_with_these_very_values(identity: MediaIdentity) -> None:
    theirs = (Path(web.ui.__file__).parent / "tests/identity.test.js").read_text("utf-8")
    for value in (*identity.vouch(**SAID).values(), identity.code, SAID["nonce"]):
        assert f'"{value}"' in theirs


@pytest.mark.parametrize("part", sorted(SAID))
def test_it_fits_nothing_else(identity: MediaIdentity, part: str) -> None:
    assert not holds(identity.vouch(**SAID), **{part: SAID[part] + "x"})


def test_offer_and_answer_cannot_change_places(identity: MediaIdentity) -> None:
    assert not holds(identity.vouch(**SAID), offer=SAID["answer"], answer=SAID["offer"])


def test_the_code_is_the_devices_id(tmp_path: Path) -> None:
    key = DeviceKey.load(tmp_path)
    code = MediaIdentity(key).code
    assert code.replace("-", "") == key.id
    assert [len(group) for group in code.split("-")] == [4] * 5


def test_no_portal_can_have_such_a_text_signed(tmp_path: Path) -> None:
    """What a portal chooses stands behind its own address, and so does not make this context."""
    signed: list[bytes] = []

    class Noting(DeviceKey):
        def sign(self, data: bytes) -> bytes:
            signed.append(data)
            return super().sign(data)

    key = Noting(DeviceKey.load(tmp_path)._key)
    client = PortalClient("https://portal.example", key)
    client._signed("challenge", "\nmedia\n" + signed_text(**SAID).decode())
    assert signed
    assert not any(text.startswith(b"pi-cam.v1\nmedia\n") for text in signed)


def test_half_a_character_breaks_nothing(identity: MediaIdentity) -> None:
    assert set(identity.vouch(**{**SAID, "offer": "v=0\ud800"})) == {"key", "signature"}


@pytest.mark.parametrize(
    "nonce", ["", "short", "x" * 65, "0123456789abcde\n", "0123456789abcdef\n", 7, ["x"], "é" * 16]
)
def test_what_is_no_nonce(nonce: object) -> None:
    with pytest.raises(OfferRefused):
        checked_nonce(nonce)


@pytest.mark.parametrize("nonce", [None, "0123456789abcdef", "A-_z" * 16])
def test_what_is_one(nonce: str | None) -> None:
    assert checked_nonce(nonce) == nonce
