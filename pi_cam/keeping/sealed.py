"""A backup as a file: a line that says what it is, a line with what it takes to open it, and a sealed tar.

    pi-cam-backup 1
    {"made":…,"n":32768,"nonce":…,"p":1,"r":8,"salt":…,"version":…}
    ciphertext

The key is scrypt of the passphrase (RFC 7914), the seal ChaCha20-Poly1305 (RFC 8439); both lines are sealed with it, so that
nothing of the file can be changed unseen.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import os
import tarfile
import time
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

import pi_cam
from pi_cam.errors import SettingError

MAGIC = b"pi-cam-backup 1\n"
FAMILY = b"pi-cam-backup "
COST, BLOCK, LANES = 2**15, 8, 1
"""32 MB and half a second of a Raspberry Pi Zero 2 W for each guess."""

LARGEST = 64 * 1024 * 1024
LONGEST_HEAD = 1024
SHORTEST_PASSPHRASE = 12

NO_BACKUP = "This file is no backup of a camera."
NEWER = "This backup was made by a newer version: install that first."
WRONG = "The passphrase is wrong, or the file is damaged."


def seal(files: Mapping[str, bytes], passphrase: str) -> bytes:
    """The whole file. Raises `SettingError` for a passphrase that is too short."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise SettingError(f"A backup's passphrase has at least {SHORTEST_PASSPHRASE} characters.")
    salt, nonce = os.urandom(16), os.urandom(12)
    head = {
        "made": int(time.time()),
        "n": COST,
        "nonce": base64.b64encode(nonce).decode(),
        "p": LANES,
        "r": BLOCK,
        "salt": base64.b64encode(salt).decode(),
        "version": pi_cam.__version__,
    }
    lines = MAGIC + json.dumps(head, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    return lines + ChaCha20Poly1305(_key(passphrase, salt)).encrypt(nonce, _packed(files), lines)


def opened(data: bytes, passphrase: str) -> dict[str, bytes]:
    """The files by name. Raises `SettingError` with a sentence."""
    if not data.startswith(MAGIC):
        raise SettingError(NEWER if data.startswith(FAMILY) else NO_BACKUP)
    end = data.find(b"\n", len(MAGIC), len(MAGIC) + LONGEST_HEAD) + 1
    if not end or len(data) > LARGEST:
        raise SettingError(NO_BACKUP)
    salt, nonce = _parameters(data[len(MAGIC) : end])
    try:
        packed = ChaCha20Poly1305(_key(passphrase, salt)).decrypt(nonce, data[end:], data[:end])
    except InvalidTag:
        raise SettingError(WRONG) from None
    return _unpacked(packed)


def _parameters(line: bytes) -> tuple[bytes, bytes]:
    """Salt and nonce. The costs are ours: a file must not choose how much memory it takes to refuse it."""
    try:
        head: Any = json.loads(line)
        salt, nonce = (base64.b64decode(head[name], validate=True) for name in ("salt", "nonce"))
        costs = head["n"], head["r"], head["p"]
    except (ValueError, LookupError, TypeError, RecursionError, binascii.Error):
        raise SettingError(NO_BACKUP) from None
    if costs != (COST, BLOCK, LANES):
        raise SettingError(NEWER)
    if len(salt) != 16 or len(nonce) != 12:
        raise SettingError(NO_BACKUP)
    return salt, nonce


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=COST, r=BLOCK, p=LANES).derive(passphrase.encode())


def _packed(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def _unpacked(packed: bytes) -> dict[str, bytes]:
    """Whoever has the passphrase made it, or gave it to us with the file: only plain files are taken, each as large as
    its bytes in the tar, which a sparse one is not. Folders and links are left out."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:", format=tarfile.USTAR_FORMAT) as tar:
            for entry in tar:
                if entry.issparse() or entry.pax_headers or entry.size > len(packed):
                    raise SettingError(NO_BACKUP)
                content = tar.extractfile(entry) if entry.isreg() else None
                if content is not None:
                    files[entry.name] = content.read()
    except (tarfile.TarError, ValueError, OverflowError):
        raise SettingError(NO_BACKUP) from None
    return files
