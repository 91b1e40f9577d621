"""The tables of devices. Changed together with a migration in `web/portal/migrations/versions`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import VARBINARY, BigInteger, Float, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from web.portal.accounts.models import Hash
from web.portal.database import TABLE, Base, Moment

DeviceId = String(20)
"""The beginning of the SHA-256 of the device's public key, in base32."""


class Device(Base):
    """A device that belongs to somebody. `public_key`: Ed25519, 32 bytes. `public_name`: the host under which a tunnel leads
    to it, as it says itself; None while there is none. `seen_at`: when it last said that it is there. `uptime_seconds` of
    its program, `temperature` (degrees Celsius), `disk_free` and `disk_size` (bytes): as it said then, where it did.
    `configuration`: the digest of the rows that are known of it, or that edits wait; None before it told any."""

    __tablename__ = "devices"
    __table_args__ = TABLE

    id: Mapped[str] = mapped_column(DeviceId, primary_key=True)
    public_key: Mapped[bytes] = mapped_column(VARBINARY(32))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(32))
    public_name: Mapped[str | None] = mapped_column(String(253))
    claimed_at: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime | None] = mapped_column(Moment, index=True)
    uptime_seconds: Mapped[int | None] = mapped_column(BigInteger)
    temperature: Mapped[float | None] = mapped_column(Float)
    disk_free: Mapped[int | None] = mapped_column(BigInteger)
    disk_size: Mapped[int | None] = mapped_column(BigInteger)
    configuration: Mapped[str | None] = mapped_column(String(32))
    cameras: Mapped[list[Camera]] = relationship(
        order_by="Camera.position", cascade="all, delete-orphan", passive_deletes=True, lazy="selectin"
    )


class Camera(Base):
    """A camera of a device, as the device last told. `state`: a word of the device's API."""

    __tablename__ = "cameras"
    __table_args__ = TABLE

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True)
    camera: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    viewers: Mapped[int]
    position: Mapped[int]


class Claim(Base):
    """A device that shows a code (RFC 8628). `user_id`: who typed it; None until then. `refused`: they said no. `told_at`:
    when the device heard who it was; it becomes theirs when somebody at home says yes, and it then speaks to us."""

    __tablename__ = "claims"
    __table_args__ = TABLE

    code_hash: Mapped[str] = mapped_column(Hash, primary_key=True)
    user_code_hash: Mapped[str] = mapped_column(Hash, unique=True)
    device_id: Mapped[str] = mapped_column(DeviceId, index=True)
    public_key: Mapped[bytes] = mapped_column(VARBINARY(32))
    name: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(32))
    address: Mapped[str] = mapped_column(String(45))
    expires_at: Mapped[datetime] = mapped_column(Moment, index=True)
    polled_at: Mapped[datetime | None] = mapped_column(Moment)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    refused: Mapped[bool] = mapped_column(default=False)
    told_at: Mapped[datetime | None] = mapped_column(Moment)


class Epoch(Base):
    """Of an account at a device: a higher one ends what the device opened with a lower one. It never falls, and stays when
    the device goes elsewhere."""

    __tablename__ = "epochs"
    __table_args__ = TABLE

    device_id: Mapped[str] = mapped_column(DeviceId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    epoch: Mapped[int] = mapped_column(BigInteger)


class SigningKey(Base):
    """A key with which the portal signs. `version` counts up; the last two are in the set that devices get. `sealed`: the
    private half."""

    __tablename__ = "signing_keys"
    __table_args__ = TABLE

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    public_key: Mapped[bytes] = mapped_column(VARBINARY(32))
    sealed: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)


class Share(Base):
    """What somebody else may do with one camera. `can`: capabilities, separated by commas. `until`: the end of it; None for
    none. `ended`: the end was noticed, and the epoch raised for it."""

    __tablename__ = "shares"
    __table_args__ = TABLE

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    camera: Mapped[str] = mapped_column(String(32), primary_key=True)
    can: Mapped[str] = mapped_column(String(100))
    until: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    ended: Mapped[bool] = mapped_column(default=False)

    def is_over(self, now: datetime) -> bool:
        """Whether its last day is past."""
        return self.until is not None and self.until <= now


class Invitation(Base):
    """A share that waits for somebody to take it. `token_hash`: of the link in the mail. `cameras`: JSON, camera →
    capabilities."""

    __tablename__ = "invitations"
    __table_args__ = TABLE

    token_hash: Mapped[str] = mapped_column(Hash, primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"), index=True)
    email: Mapped[str] = mapped_column(String(254))
    cameras: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime | None] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment, index=True)
