"""A package: one file with a new version of the program. The signature is checked before anything in it is believed.

    magic (16 bytes) · length of the manifest (4 bytes, big-endian) · manifest · Ed25519 signature (64) · payload (tar.xz)

What is signed is the magic with the manifest; the manifest names the payload's size and SHA-256.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pi_cam.errors import UpdateRefused
from pi_cam.updates import trusted, unpacking
from pi_cam.updates.manifest import MAX_BYTES, Machine, Manifest

MAGIC = b"pi-cam update 1\n"
LENGTH_BYTES = 4
SIGNATURE_BYTES = 64
READ_BYTES = 256 * 1024
TRUNCATED = "This update is not complete: fetch it again."


class Readable(Protocol):
    """What a package is read from."""

    def read(self, count: int, /) -> bytes:
        """So many bytes, fewer at the end."""


class Package:
    """An open package whose signature and payload were found right. Whoever unpacks it for somebody else (root, from a
    folder that the camera's user can write) copies the file first and opens the copy: an open file can change."""

    def __init__(self, file: BinaryIO, manifest: Manifest) -> None:
        self._file = file
        self._payload = file.tell()
        self.manifest = manifest

    @classmethod
    def open(cls, path: Path, keys: Sequence[Ed25519PublicKey]) -> Package:
        """Reads all of it once. Raises `UpdateRefused` with a sentence for whatever is wrong with the file."""
        try:
            file = path.open("rb")
        except OSError as error:
            raise UpdateRefused(f"The update {path} cannot be read: {error.strerror}.") from error
        try:
            manifest = read_head(file, keys)
            package = cls(file, manifest)
            package._check_payload()
        except OSError as error:
            file.close()
            raise UpdateRefused(f"The update {path} cannot be read: {error.strerror}.") from error
        except BaseException:
            file.close()
            raise
        return package

    def admit(self, machine: Machine) -> None:
        """Raises `UpdateRefused` when this machine is not to have it."""
        machine.admit(self.manifest)

    def unpack(self, folder: Path) -> None:
        """Into a folder that is made for it, and is not there afterwards unless all of it is, on the disk. Raises
        `UpdateRefused`."""
        self._file.seek(self._payload)
        unpacking.unpack(self._file, folder, self.manifest.unpacked)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_payload(self) -> None:
        length = os.fstat(self._file.fileno()).st_size - self._payload
        if length < self.manifest.size:
            raise UpdateRefused(TRUNCATED)
        digest = hashlib.sha256()
        while data := self._file.read(READ_BYTES):
            digest.update(data)
        if length > self.manifest.size or digest.hexdigest() != self.manifest.sha256:
            raise UpdateRefused("This update is damaged: fetch it again.")


def read_head(file: Readable, keys: Sequence[Ed25519PublicKey]) -> Manifest:
    """The manifest, once its signature was found right; the file then stands at the payload. Raises `UpdateRefused`."""
    magic = file.read(len(MAGIC))
    if magic != MAGIC:
        raise UpdateRefused(TRUNCATED if MAGIC.startswith(magic) else "This is not an update of pi-cam.")
    length = int.from_bytes(_exactly(file, LENGTH_BYTES), "big")
    if length > MAX_BYTES:
        raise UpdateRefused("This is not an update of pi-cam.")
    manifest = _exactly(file, length)
    trusted.check(keys, _exactly(file, SIGNATURE_BYTES), MAGIC + manifest)
    return Manifest.parse(manifest)


def _exactly(file: Readable, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise UpdateRefused(TRUNCATED)
    return data
