"""Checks an export of the portal's journal against what this device signed and knows that it sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from webauthn.helpers import base64url_to_bytes

from pi_cam.errors import StoreError
from pi_cam.remote import forwarding
from pi_cam.remote.portal_client import PROTOCOL
from pi_cam.trust.device_key import DeviceKey
from web.journal.forwarded import HEAD_PURPOSE, Forwarded, beginning, head_text

LONGEST_LINE = 64 * 1024
NO_EXPORT = (
    "This is no export of a portal, or not all of one: save it there as JSON, for this device, without other filters."
)
FIELDS: dict[str, type] = {one.name: int if one.name in ("seq", "at") else str for one in fields(Forwarded)}


@dataclass(frozen=True, slots=True)
class _Place:
    seq: int
    hash: bytes


def check(file: Path, folder: Path, key: DeviceKey) -> tuple[int, int]:
    """Numbers of the first and the last row in the file, if all of them are whole, and none is missing at the end. Raises
    `StoreError` with a sentence about what is not so."""
    head: dict[str, Any] | None = None
    first, last = 1, _Place(0, b"")
    hashes: dict[int, bytes] = {}
    for said in _lines(file):
        if said.get("device") != key.id:
            continue
        if said.get("kind") == "device" and head is None:
            head, last = said, _place(said.get("before"))
            first = last.seq + 1
            if last.seq == 0 and last.hash != beginning(str(head.get("portal")), key.id):
                raise StoreError("The portal's copy does not begin where this device began.")
        elif head is not None and said.get("kind") == "row":
            last = _next(last, said)
            hashes[last.seq] = last.hash
    if head is None:
        raise StoreError(NO_EXPORT)
    hashes.setdefault(first - 1, _place(head.get("before")).hash)
    known = [one for one in (_signed(head, key), _sent(folder, str(head.get("portal")))) if one is not None]
    if not known:
        raise StoreError("Nothing here or in this file says what this device sent to that portal.")
    for one in known:
        _compare(hashes, last.seq, one)
    return first, last.seq


def _compare(hashes: dict[int, bytes], last: int, known: _Place) -> None:
    """Whether what is known of a row is so in the file; rows that retention took away there cannot be looked at."""
    if known.seq < min(hashes):
        return
    if known.seq > last:
        raise StoreError(f"Rows {last + 1} to {known.seq} are missing in the portal's copy.")
    if hashes[known.seq] != known.hash:
        raise StoreError(
            f"Row {known.seq} of the portal's copy, or one before it, is not the one that this device sent."
        )


def _next(last: _Place, said: dict[str, Any]) -> _Place:
    values = {name: said.get(name) for name in FIELDS}
    if any(type(values[name]) is not kind for name, kind in FIELDS.items()):
        raise StoreError(NO_EXPORT)
    row = Forwarded(**values)  # type: ignore[arg-type]  # looked at above
    if row.seq != last.seq + 1:
        raise StoreError(f"Row {last.seq + 1} is missing in the portal's copy.")
    place = _place(said)
    if row.hash(last.hash) != place.hash:
        raise StoreError(f"Row {row.seq} was altered in the portal's copy.")
    return place


def _signed(said: dict[str, Any], key: DeviceKey) -> _Place | None:
    """The newest head that the portal has; None when it has none. Raises `StoreError` for one that this device did not
    sign."""
    head = said.get("head")
    if head is None:
        return None
    place = _place(head)
    what = head_text(key.id, place.seq, place.hash, head.get("at"))
    message = f"{PROTOCOL}\n{HEAD_PURPOSE}\n{said.get('portal')}\n{what}".encode()
    try:
        signature = base64url_to_bytes(str(head.get("signature")))
        Ed25519PublicKey.from_public_bytes(key.public_bytes).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise StoreError("The end of the portal's copy was not signed by this device.") from None
    return place


def _sent(folder: Path, portal: str) -> _Place | None:
    """What this portal confirmed, as it is written down here."""
    progress = forwarding.load(folder)
    if progress is None or progress.portal != portal:
        return None
    return _Place(progress.held.seq, progress.held.hash)


def _place(said: object) -> _Place:
    seq, row_hash = (said.get("seq"), said.get("hash")) if isinstance(said, dict) else (None, None)
    if type(seq) is not int or seq < 0 or not isinstance(row_hash, str):
        raise StoreError(NO_EXPORT)
    try:
        return _Place(seq, base64url_to_bytes(row_hash))
    except ValueError:
        raise StoreError(NO_EXPORT) from None


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with file.open("rb") as opened:
            while line := opened.readline(LONGEST_LINE):
                said = json.loads(line)
                if not isinstance(said, dict):
                    raise ValueError
                yield said
    except OSError as error:
        raise StoreError(f"The file {file} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError):
        raise StoreError(NO_EXPORT) from None
