"""Makes packages: `python -m pi_cam.updates.maker key FILE`, and `… pack FOLDER FILE --key FILE --version …`.

The private key is a file on the machine that makes releases, and nowhere else.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import lzma
import os
import stat
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pi_cam.errors import PiCamError, SettingError
from pi_cam.updates.manifest import ANY, Manifest
from pi_cam.updates.package import LENGTH_BYTES, MAGIC
from pi_cam.updates.unpacking import inner_target


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0, or 1 with a sentence on standard error."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.action == "key":
            sys.stdout.write(make_key(arguments.file))
        else:
            key = load_key(arguments.key)
            folder, words = arguments.folder, (arguments.board, arguments.arch, arguments.python)
            release = own_release(folder)
            pack(folder, arguments.file, key, arguments.version, release, arguments.minimum, words, arguments.preset)
    except (PiCamError, OSError) as error:
        sys.stderr.write(f"maker: {error}\n")
        return 1
    return 0


def make_key(path: Path) -> str:
    """Writes a new private key (PEM, mode 0600, never over another file); the answer is the public one, PEM."""
    key = Ed25519PrivateKey.generate()
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)
    return key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def load_key(path: Path) -> Ed25519PrivateKey:
    """Raises `SettingError` for what is no Ed25519 key, `OSError` for what cannot be read."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingError(f"{path} is not a private key for releases (PEM, Ed25519, without a passphrase).")
    return key


def own_release(folder: Path) -> int:
    """The number that the program in it has of itself: with another one in its description it would be newer than itself
    for ever. Raises `SettingError`."""
    path = folder / "pi_cam/updates/release"
    try:
        number = int(path.read_text("ascii"))
    except (OSError, ValueError):
        number = 0
    if number < 1:
        raise SettingError(f"Write the release's number into {path}: each release has a higher one.")
    return number


def pack(
    folder: Path,
    path: Path,
    key: Ed25519PrivateKey,
    version: str,
    release: int,
    minimum_release: int = 0,
    words: tuple[str, str, str] = (ANY, ANY, ANY),
    preset: int = lzma.PRESET_DEFAULT,
) -> Manifest:
    """Makes a package of a folder's files. The same files, the same bytes. `words`: board, arch, python; `preset`: of xz."""
    payload, unpacked = archive(folder, preset)
    digest = hashlib.sha256(payload).hexdigest()
    manifest = Manifest(version, release, minimum_release, *words, len(payload), digest, unpacked)
    Manifest.parse(manifest.encoded())  # what a camera would refuse is not made
    path.write_bytes(assemble(manifest.encoded(), key, payload))
    return manifest


def assemble(manifest: bytes, key: Ed25519PrivateKey, payload: bytes) -> bytes:
    """The bytes of a package, signed."""
    return MAGIC + len(manifest).to_bytes(LENGTH_BYTES, "big") + manifest + key.sign(MAGIC + manifest) + payload


def archive(folder: Path, preset: int = lzma.PRESET_DEFAULT) -> tuple[bytes, int]:
    """A tar.xz of all in it, in order, without owners and times, and the sum of its files' bytes."""
    unpacked = 0
    compressed = io.BytesIO()
    with (
        lzma.open(compressed, "wb", preset=preset) as plain,
        tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for entry in sorted(folder.rglob("*")):
            member = _member(entry, str(entry.relative_to(folder)))
            unpacked += member.size
            if member.isreg():
                with entry.open("rb") as file:
                    tar.addfile(member, file)
            else:
                tar.addfile(member)
    return compressed.getvalue(), unpacked


def _member(entry: Path, name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    found = entry.lstat()
    member.mode = 0o755 if found.st_mode & 0o100 else 0o644
    if stat.S_ISLNK(found.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, inner_target(Path(name), os.readlink(entry))
    elif stat.S_ISDIR(found.st_mode):
        member.type = tarfile.DIRTYPE
    elif stat.S_ISREG(found.st_mode):
        member.size = found.st_size
    else:
        raise SettingError(f"{entry} is neither a file, a folder nor a link.")
    return member


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pi_cam.updates.maker", description="Makes updates of pi-cam.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    key = actions.add_parser("key", help="make a release key; its public half is printed")
    key.add_argument("file", type=Path)
    make = actions.add_parser("pack", help="make a signed package of a folder")
    make.add_argument("folder", type=Path)
    make.add_argument("file", type=Path)
    make.add_argument("--key", type=Path, required=True, help="the release key's file")
    make.add_argument("--version", required=True, help="for people")
    make.add_argument("--preset", type=int, choices=range(10), default=6, help="of xz, default 6")
    make.add_argument("--minimum", type=int, default=0, metavar="RELEASE", help="the oldest one that it can follow")
    for word in ("board", "arch", "python"):
        make.add_argument(f"--{word}", default=ANY, help=f"default {ANY}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
