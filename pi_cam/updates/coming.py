"""A package on its way from a web host: its description first, and the rest only for who wants it."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pi_cam.errors import ReleasesUnreachable
from pi_cam.updates.manifest import Machine, Manifest
from pi_cam.updates.package import read_head
from pi_cam.updates.web_file import WebFile


def file_name(machine: Machine) -> str:
    """Of the package that is for this machine, in the folder where updates lie."""
    return f"pi-cam-{machine.board}-{machine.arch}-{machine.python}.pi-cam"


class Coming:
    """Reading it from its beginning on gives as many bytes as its signed description says, and no more. Raises
    `UpdateRefused` for a description that is not to be believed, `ReleasesUnreachable`."""

    def __init__(self, file: WebFile, keys: Sequence[Ed25519PublicKey]) -> None:
        self._file = file
        self._head = bytearray()
        self._reads_head = True
        self.manifest: Manifest = read_head(self, keys)
        self._reads_head = False
        self._left = self.manifest.size

    def read(self, count: int) -> bytes:
        """At most so many; none at its end. Raises `ReleasesUnreachable`, also where it ends too early."""
        if self._reads_head:
            data = self._file.read(count)
            self._head += data
            return data
        if self._head:
            data = bytes(self._head[:count])
            del self._head[:count]
            return data
        data = self._file.read(min(count, self._left))
        self._left -= len(data)
        if not data and self._left:
            raise ReleasesUnreachable(f"The connection to the web host {self._file.host} broke off.")
        return data
