"""Sealed values: what opens, and that nothing else does."""

from __future__ import annotations

import pytest

from pi_cam.errors import StoreError
from pi_cam.trust.sealing import Seal

KEY = bytes(range(32))


@pytest.mark.parametrize("data", [b"", b"x", b"rtsp://ada:secret@camera/", bytes(70_000)])
def test_what_was_sealed_opens_again(data: bytes) -> None:
    sealed = Seal(KEY).seal(data, "totp 1")
    assert Seal(KEY).open(sealed, "totp 1") == data
    assert len(data) < 4 or data not in sealed


def test_equal_values_do_not_look_equal() -> None:
    seal = Seal(KEY)
    assert len({seal.seal(b"the same", "totp 1") for _ in range(100)}) == 100


def test_it_opens_neither_elsewhere_nor_with_another_key() -> None:
    sealed = Seal(KEY).seal(b"secret", "totp 1")
    for seal, context in ((Seal(KEY), "totp 2"), (Seal(KEY), "totp 1 "), (Seal(KEY), ""), (Seal(bytes(32)), "totp 1")):
        with pytest.raises(StoreError, match=r"^A secret in the database cannot be read: .*\.$"):
            seal.open(sealed, context)


def test_any_damage_is_noticed() -> None:
    seal = Seal(KEY)
    sealed = seal.seal(b"secret", "totp 1")
    damaged = [sealed[:length] for length in range(len(sealed))] + [sealed + b"\0", b"\x02" + sealed[1:]]
    for index in range(len(sealed)):
        for bit in range(8):
            altered = bytearray(sealed)
            altered[index] ^= 1 << bit
            damaged.append(bytes(altered))
    for one in damaged:
        with pytest.raises(StoreError):
            seal.open(one, "totp 1")
