"""What a person takes along."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from web.portal.accounts import factors, passkeys
from web.portal.accounts.models import SignIn, User
from web.portal.database import db
from web.portal.services import services


def of(user: User) -> dict[str, Any]:
    """All that is kept of a person, but for what proves who they are, and for the journal, which is a file of its own.
    Moments in ISO 8601, UTC."""
    sign_ins = db.session.execute(select(SignIn).where(SignIn.user_id == user.id).order_by(SignIn.id)).scalars()
    return {
        "version": 2,
        "account": {
            "email": user.email,
            "language": user.language,
            "mail_outages": user.mail_outages,
            "created_at": user.created_at.isoformat(),
            "confirmed_at": user.confirmed_at and user.confirmed_at.isoformat(),
            "second_factor": user.totp_secret is not None,
            "recovery_codes_left": factors.codes_left(user.id),
        },
        "passkeys": [
            {
                "name": one.name,
                "created_at": one.created_at.isoformat(),
                "used_at": one.used_at and one.used_at.isoformat(),
            }
            for one in passkeys.list_of(user.id)
        ],
        "sign_ins": [
            {
                "created_at": one.created_at.isoformat(),
                "used_at": one.used_at.isoformat(),
                "ended_at": one.revoked_at and one.revoked_at.isoformat(),
                "address": one.address,
                "browser": one.browser,
            }
            for one in sign_ins
        ],
        **services().belongings(user.id),
    }
