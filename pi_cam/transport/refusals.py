"""How a refusal is said on the live WebSocket: a status, as HTTP would say it, and a word for programs."""

from __future__ import annotations

from pi_cam.errors import (
    CameraPrivate,
    CameraStopped,
    FloorTaken,
    NoLoudspeaker,
    NoRelay,
    NotAllowed,
    PiCamError,
    TooManyConnections,
    TooManyViewers,
)

_TABLE: tuple[tuple[type[PiCamError], int, str], ...] = (
    (TooManyConnections, 429, "too-many-connections"),
    (TooManyViewers, 503, "too-many-viewers"),
    (NoRelay, 503, "no-relay"),
    (CameraPrivate, 409, "privacy"),
    (CameraStopped, 409, "stopped"),
    (FloorTaken, 409, "floor-taken"),
    (NoLoudspeaker, 409, "no-loudspeaker"),
    (NotAllowed, 403, "not-allowed"),
)


def status_and_code(error: PiCamError) -> tuple[int, str]:
    """Those of the first row that fits."""
    return next(((status, code) for kind, status, code in _TABLE if isinstance(error, kind)), (422, "refused"))
