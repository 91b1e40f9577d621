"""What members and guests were given, camera by camera."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from pi_cam.errors import SettingError
from pi_cam.trust.capabilities import ROLES, Capability, in_order, known_capabilities

Grants = Mapping[str, frozenset[Capability]]
"""Camera → capabilities."""


def granted_to(database: sqlite3.Connection, user: int, role: str) -> dict[str, frozenset[Capability]]:
    """As stored, and never more than the role allows."""
    rows = database.execute("SELECT camera_id, can FROM grants WHERE user_id = ?", (user,)).fetchall()
    return {row["camera_id"]: known_capabilities(row["can"].split(",")) & ROLES[role] for row in rows}


def write_grants(database: sqlite3.Connection, user: int, role: str, grants: Grants) -> None:
    """Replaces them all. Raises `SettingError` for what the role may not be given."""
    for can in grants.values():
        beyond = in_order(can - ROLES[role])
        if beyond:
            raise SettingError(f"A {role} cannot be given the right to {beyond[0]}.")
    database.execute("DELETE FROM grants WHERE user_id = ?", (user,))
    database.executemany(
        "INSERT INTO grants (user_id, camera_id, can) VALUES (?, ?, ?)",
        [(user, camera, ",".join(in_order(can))) for camera, can in grants.items() if can],
    )
