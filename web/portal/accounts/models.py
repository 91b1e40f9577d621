"""The tables of people's accounts. Changed together with a migration in `web/portal/migrations/versions`."""

from __future__ import annotations

from datetime import datetime

from flask_security import UserMixin
from sqlalchemy import VARBINARY, BigInteger, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from web.portal.database import TABLE, Base, Moment

Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself in this type only
Hash = String(64)
"""SHA-256, in hexadecimal."""


class User(UserMixin, Base):
    """A person. `email`: in the form of `addresses.normalised`. `confirmed_at`: when they proved that mail to it reaches
    them; None for nobody who may sign in. `fs_uniquifier`: what sessions and links name them by; a new one ends all of
    both. `totp_secret`: sealed; None while the second factor is off. `totp_counter`: the half minute of the last code
    taken, so that none counts twice. `passkey_handle`: what their authenticators know them by. `mail_outages`: whether
    they get a mail when a device of theirs goes away."""

    __tablename__ = "users"
    __table_args__ = TABLE

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password: Mapped[str] = mapped_column(String(255))
    language: Mapped[str] = mapped_column(String(8))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    totp_secret: Mapped[str | None] = mapped_column(String(512))
    totp_counter: Mapped[int | None] = mapped_column(BigInteger)
    passkey_handle: Mapped[bytes] = mapped_column(VARBINARY(64), unique=True)
    mail_outages: Mapped[bool] = mapped_column(default=True)


class SignIn(Base):
    """A browser in which somebody is signed in. `token_hash`: of its cookie. `data`: what Flask keeps in the session.
    `expires_at`: the end, however it is used. `idle_seconds`: the end when it is not used. `revoked_at`: when somebody
    ended it."""

    __tablename__ = "sign_ins"
    __table_args__ = TABLE

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(Hash, unique=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment, index=True)
    idle_seconds: Mapped[int]
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    address: Mapped[str] = mapped_column(String(45))
    browser: Mapped[str] = mapped_column(String(200))
    data: Mapped[str] = mapped_column(Text)


class RecoveryCode(Base):
    """One that has not been used. `code_hash`: keyed, so that a copied table opens nothing."""

    __tablename__ = "recovery_codes"
    __table_args__ = TABLE

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    code_hash: Mapped[str] = mapped_column(Hash)


class Passkey(Base):
    """A public key (WebAuthn)."""

    __tablename__ = "passkeys"
    __table_args__ = TABLE

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(VARBINARY(1023), unique=True)
    public_key: Mapped[bytes] = mapped_column(VARBINARY(2048))
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class Challenge(Base):
    """What an authenticator is to sign, good once. `user_id`: for whom it was made; None for whoever signs in."""

    __tablename__ = "challenges"
    __table_args__ = TABLE

    challenge_hash: Mapped[str] = mapped_column(Hash, primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(Moment, index=True)
