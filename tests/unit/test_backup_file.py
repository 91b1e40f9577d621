"""A backup as a file: what was put in comes out, and nothing else is taken for one."""

from __future__ import annotations

import base64
import functools
import io
import json
import tarfile

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_cam.errors import SettingError
from pi_cam.keeping.sealed import FAMILY, MAGIC, NEWER, NO_BACKUP, WRONG, _key, _unpacked, opened, seal

PASSPHRASE = "a lamp, two chairs 🪑"
FILES = {"secret.key": b"x" * 32, "tls/served.pem": b"", "settings.json": "é\n".encode()}


@functools.cache
def made() -> bytes:
    return seal(FILES, PASSPHRASE)


def test_what_was_put_in_comes_out() -> None:
    assert opened(made(), PASSPHRASE) == FILES
    assert b"served.pem" not in made()
    assert made() != seal(FILES, PASSPHRASE), "each has a key and a number of its own"


def test_the_wrong_passphrase() -> None:
    with pytest.raises(SettingError, match=WRONG):
        opened(made(), PASSPHRASE + " ")


def test_a_passphrase_that_is_guessed_quickly() -> None:
    with pytest.raises(SettingError, match="at least 12"):
        seal(FILES, "12345678901")


@pytest.mark.parametrize(
    "data", [b"", b"PK\3\4", MAGIC, MAGIC + b"{}\n", MAGIC + b"[" * 500 + b"\n", MAGIC + b"x" * 5000]
)
def test_what_is_no_backup(data: bytes) -> None:
    with pytest.raises(SettingError, match=NO_BACKUP):
        opened(data, PASSPHRASE)


def test_one_of_a_later_format() -> None:
    with pytest.raises(SettingError, match=NEWER):
        opened(FAMILY + b"2\n" + made(), PASSPHRASE)


def test_a_file_does_not_choose_what_it_costs_to_look_at_it() -> None:
    with pytest.raises(SettingError, match=NEWER):
        opened(made().replace(b'"n":32768', b'"n":1073741824'), PASSPHRASE)


@settings(max_examples=12)
@given(st.integers(0, len(made()) - 1), st.integers(1, 255))
def test_any_change_is_seen(place: int, change: int) -> None:
    data = bytearray(made())
    data[place] ^= change
    with pytest.raises(SettingError):
        opened(bytes(data), PASSPHRASE)


@settings(max_examples=12)
@given(st.integers(0, len(made()) - 1))
def test_a_part_of_it(length: int) -> None:
    with pytest.raises(SettingError):
        opened(made()[:length], PASSPHRASE)


def sealed_tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A backup whose tar somebody else made."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, data in members:
            tar.addfile(member, io.BytesIO(data))
    lines = made()[: made().index(b"\n", len(MAGIC)) + 1]
    head = json.loads(lines[len(MAGIC) :])
    salt, nonce = (base64.b64decode(head[name]) for name in ("salt", "nonce"))
    return lines + ChaCha20Poly1305(_key(PASSPHRASE, salt)).encrypt(nonce, out.getvalue(), lines)


def member(name: str, data: bytes, **pax: str) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.size, entry.pax_headers = len(data), {key.replace("_", "."): value for key, value in pax.items()}
    return entry, data


def test_what_was_made_by_another_program_is_read() -> None:
    assert opened(sealed_tar(member("secret.key", b"x")), PASSPHRASE) == {"secret.key": b"x"}


@pytest.mark.parametrize(
    "pax",
    [
        {"GNU_sparse_map": "0,1", "GNU_sparse_size": str(8 << 30), "GNU_sparse_name": "x"},
        {"GNU_sparse_map": "a,b"},
        {"GNU_sparse_major": "1", "GNU_sparse_minor": "0", "GNU_sparse_realsize": str(8 << 30)},
        {"size": str(8 << 30)},
        {"size": "-1"},
        {"path": "device.key"},
    ],
)
def test_a_file_that_says_it_is_larger_than_it_is(pax: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=NO_BACKUP):
        opened(sealed_tar(member("secret.key", b"x" * 512, **pax)), PASSPHRASE)


def test_a_sparse_file_of_the_old_kind() -> None:
    """GNU's, whose map stands in its head; its size is the one that it seems to have."""
    entry = tarfile.TarInfo("secret.key")
    entry.size = 512
    block = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    block[156:157] = tarfile.GNUTYPE_SPARSE
    block[386:398], block[398:410] = b"%011o\0" % 0, b"%011o\0" % 512
    block[483:495] = b"%011o\0" % (7 << 30)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    packed = bytes(block) + bytes(512) + bytes(1024)
    with pytest.raises(SettingError, match=NO_BACKUP):
        _unpacked(packed)
