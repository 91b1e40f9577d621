"""What the camera remembers of the versions that it could get."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pi_cam import durable

MAX_BYTES = 4096
LATEST = 2.0**40
"""Of all moments and numbers that make sense."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Moments in seconds since 1970, 0 for never. `begun_at`: of the first start; `looked_at`: of the last look, and what
    was wrong with it (`trouble`, a sentence or empty). `version`, `release`: what was found to be newer, or empty and 0.
    `tried`: the newest release that was handed over, or refused; it is not tried again by itself. `put_off_until`: until
    then nothing is installed by itself."""

    begun_at: float = 0.0
    looked_at: float = 0.0
    trouble: str = ""
    version: str = ""
    release: int = 0
    tried: int = 0
    put_off_until: float = 0.0

    def write(self, path: Path) -> None:
        """Raises `OSError`."""
        path.parent.mkdir(mode=0o700, exist_ok=True)
        durable.replace(path, json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls, path: Path) -> Plan:
        """A new one where there is none, or what stands there makes no sense: that costs one more look."""
        try:
            with path.open("rb") as file:
                plan = cls(**json.loads(file.read(MAX_BYTES)))
        except (OSError, ValueError, TypeError, RecursionError):
            return cls()
        fresh = cls()
        values = [(getattr(plan, name), getattr(fresh, name)) for name in cls.__slots__]
        fits = all(type(one) is type(other) for one, other in values)
        sane = fits and all(0 <= one < LATEST for one, _ in values if not isinstance(one, str))
        return plan if sane else fresh
