"""Links in mails: signed, good for a while, and worth nothing once the person's credentials changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from itsdangerous import BadData
from sqlalchemy import select

from web.portal.accounts.models import User
from web.portal.database import db
from web.portal.errors import Refused
from web.portal.kept import serializer
from web.portal.services import services

Purpose = Literal["confirm", "reset", "email"]

GOOD_FOR: dict[Purpose, timedelta] = {
    "confirm": timedelta(days=2),
    "reset": timedelta(hours=1),
    "email": timedelta(hours=2),
}
WORN = "This link is no longer good: it was used, is too old, or a newer one was sent. Ask for a new one."


class BadLink(Refused):
    """Forged, too old, or used."""


def make(purpose: Purpose, user: User | None, path: str, extra: str = "") -> str:
    """An address for a mail. `path`: where it leads, with a `%s` for the token. `user` None: one that opens nothing, made in
    the same time."""
    return services().settings.url + path % serializer("links", purpose).dumps(
        [user.fs_uniquifier if user else "", extra]
    )


def owner(purpose: Purpose, token: str) -> tuple[User, str]:
    """Whose it is, and the `extra` that it was made with. Raises `BadLink`."""
    try:
        said = serializer("links", purpose).loads(token, max_age=int(GOOD_FOR[purpose].total_seconds()))
        uniquifier, extra = said
    except (BadData, ValueError, TypeError):
        raise BadLink(WORN) from None
    user = db.session.execute(select(User).where(User.fs_uniquifier == uniquifier)).scalar_one_or_none()
    if user is None or not user.active:
        raise BadLink(WORN)
    return user, extra
