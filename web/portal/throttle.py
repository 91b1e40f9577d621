"""Slows down guessing, by account and by browser in the database (the same for all workers), and by address in memory.

By address, Flask-Limiter counts in each worker for itself: with N workers an address has up to N times the number.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from flask import current_app, g, request
from flask_limiter import Limiter
from sqlalchemy import Connection, String, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from web.portal.database import TABLE, Base, Moment, apart, despite_deadlocks
from web.portal.errors import TooManyTries
from web.portal.services import services

FREE_TRIES = 5
LONGEST = timedelta(seconds=60)
FORGOTTEN_AFTER = timedelta(hours=1)
INSERT_TRIES = 3

View = TypeVar("View", bound=Callable[..., Any])
TOO_MANY = "Too many attempts. Wait a moment, then try again."


class Attempt(Base):
    """How often something failed of late. `key_hash`: keyed, of what was tried (an account, a browser)."""

    __tablename__ = "attempts"
    __table_args__ = TABLE

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(Moment, index=True)


def address() -> str:
    """Whom to slow down: an IPv4 address, or the /64 in which an IPv6 address can be chosen freely."""
    try:
        parsed = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


limiter = Limiter(key_func=address, storage_uri="memory://", strategy="moving-window")

by_address = limiter.shared_limit(lambda: current_app.config["ADDRESS_LIMIT"], scope="accounts", methods=["POST"])
"""Decorates a view on which strangers may try something."""


def by_device(limit: str) -> Callable[[View], View]:
    """Decorates a view for devices: one that says more than it needs to slows down nobody else."""
    return cast("Callable[[View], View]", limiter.limit(limit, key_func=lambda: f"device {g.device_id}"))


at_most = limiter.limit("3000 per minute")
"""Decorates what many devices behind one address may ask at the same moment, after a fault of ours."""


def attempt(*key: str, free: int = FREE_TRIES, longest: timedelta = LONGEST) -> None:
    """Counts an attempt; it counts as failed until `succeeded`. After `free` of them, each further one doubles the pause
    before the next, up to `longest`. Raises `TooManyTries` during a pause. Committed at once (`apart`)."""
    despite_deadlocks(lambda: _attempt(_hashed(key), free, longest))


def succeeded(*key: str) -> None:
    """Forgets the failures."""
    with apart() as connection:
        connection.execute(delete(Attempt).where(Attempt.key_hash == _hashed(key)))


def _attempt(name: str, free: int, longest: timedelta) -> None:
    for _ in range(INSERT_TRIES):
        try:
            with apart() as connection:
                _count(connection, name, free, longest)
        except IntegrityError:  # somebody else was the first at the same moment: look again
            continue
        return
    raise TooManyTries(TOO_MANY, 1.0)


def _count(connection: Connection, name: str, free: int, longest: timedelta) -> None:
    now = services().clock()
    row = connection.execute(
        select(Attempt.failures, Attempt.last_at).where(Attempt.key_hash == name).with_for_update()
    ).first()
    if row is None:
        connection.execute(delete(Attempt).where(Attempt.last_at < now - FORGOTTEN_AFTER))
        connection.execute(insert(Attempt).values(key_hash=name, failures=1, last_at=now))
        return
    failures = row.failures if now - row.last_at <= FORGOTTEN_AFTER else 0
    left = row.last_at + _pause(failures, free, longest) - now
    if left > timedelta(0):
        raise TooManyTries(TOO_MANY, left.total_seconds())
    connection.execute(update(Attempt).where(Attempt.key_hash == name).values(failures=failures + 1, last_at=now))


def _pause(count: int, free: int, longest: timedelta) -> timedelta:
    if count < free:
        return timedelta(0)
    # The exponent is bounded too: who fails for days would overflow.
    return min(timedelta(seconds=math.exp2(min(count - free, 20))), longest)


def _hashed(key: tuple[str, ...]) -> str:
    """Nobody's address stands in the table."""
    return hmac.new(services().settings.key("attempts"), "\0".join(key).encode(), hashlib.sha256).hexdigest()
