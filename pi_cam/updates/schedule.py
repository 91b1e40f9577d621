"""When it is looked for a new version: once a day, at an hour that the owner chose, and at another minute on each camera."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

SPREAD_SECONDS = 3600.0
LATE_SECONDS = 3 * 3600.0
"""After the hour; whoever starts a camera later has it wait for the next day."""

MISSED_SECONDS = 48 * 3600.0
"""After which it is looked at another time: a camera that has no power at that hour, or whose clock was wrong."""

SETTLED_SECONDS = 600.0
"""After the start, then."""


def seconds_until(now: float, last: float, up: float, *, hour: int, offset: float, zone: tzinfo | None) -> float:
    """0 when it is due. `now`, `last`: seconds since 1970, of this moment and of the last look; `up`: seconds since the
    start; `offset`: 0 to `SPREAD_SECONDS`, by chance; `zone`: None for the machine's own."""
    last = min(last, now)  # the clock was set back
    if now - last > MISSED_SECONDS:
        return max(0.0, SETTLED_SECONDS + offset - up)
    begin = _hour_after(last, hour, zone)
    if now - begin > SPREAD_SECONDS + LATE_SECONDS:
        begin = _hour_after(now, hour, zone)
    return max(0.0, begin + offset - now)


def zone_of(name: str) -> tzinfo | None:
    """By its name in the IANA's database; None for what is none, or empty."""
    try:
        return ZoneInfo(name) if name else None
    except (OSError, ValueError, KeyError):
        return None


def _hour_after(moment: float, hour: int, zone: tzinfo | None) -> float:
    day = datetime.fromtimestamp(moment, zone).replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    while day.timestamp() <= moment:
        day += timedelta(days=1)
    return day.timestamp()
