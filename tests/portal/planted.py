"""Rows of devices and their owners, put into the tables by the dozen: for tests and figures that need many."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, insert

from web.portal.accounts.models import User
from web.portal.database import now
from web.portal.devices.models import Camera, Device
from web.portal.devices.proofs import id_of


def people(connection: Connection, number: int) -> list[int]:
    """Their account numbers. Nobody knows their passwords."""
    rows = [
        {
            "email": f"person-{secrets.token_hex(8)}@example.org",
            "password": "-",
            "language": "en",
            "active": True,
            "created_at": now(),
            "confirmed_at": now(),
            "fs_uniquifier": secrets.token_hex(32),
            "passkey_handle": secrets.token_bytes(32),
        }
        for _ in range(number)
    ]
    return [int(connection.execute(insert(User).values(**row)).inserted_primary_key[0]) for row in rows]  # type: ignore[index]


def devices(
    connection: Connection, owners: Sequence[int], keys: Iterable[Ed25519PrivateKey], cameras: int = 1
) -> list[str]:
    """One for each key, each with so many cameras, spread over the owners; their ids."""
    public = [key.public_key().public_bytes_raw() for key in keys]
    rows = [
        {
            "id": id_of(key),
            "public_key": key,
            "owner_id": owners[index % len(owners)],
            "name": f"Device {index}",
            "model": "Raspberry Pi 5",
            "version": "0.1.0",
            "public_name": f"cam-{index}.example.net",
            "claimed_at": now(),
            "seen_at": now(),
        }
        for index, key in enumerate(public)
    ]
    connection.execute(insert(Device), rows)
    seen = [
        {
            "device_id": row["id"],
            "camera": f"camera-{position}",
            "name": f"Camera {position}",
            "state": "idle",
            "viewers": 0,
            "position": position,
        }
        for row in rows
        for position in range(cameras)
    ]
    if seen:
        connection.execute(insert(Camera), seen)
    return [str(row["id"]) for row in rows]
