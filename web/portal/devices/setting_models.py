"""The tables of devices' configuration. Changed together with a migration in `web/portal/migrations/versions`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Double, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from web.portal.accounts.models import Id
from web.portal.database import TABLE, Base, Moment
from web.portal.devices.models import DeviceId

Key = String(32)


class DeviceSetting(Base):
    """A row of a device, as the device last told it: a setting, or the name of a camera. `value`, `choices`: JSON.
    `version`: how often it was changed there, and one. `editable`: whether the device takes another value from here.
    `edited_by`: whoever changed it last, as the device knows them."""

    __tablename__ = "device_settings"
    __table_args__ = TABLE

    device_id: Mapped[str] = mapped_column(DeviceId, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    position: Mapped[int]
    title: Mapped[str] = mapped_column(String(100))
    help: Mapped[str] = mapped_column(String(600))
    kind: Mapped[str] = mapped_column(String(16))
    low: Mapped[float | None] = mapped_column(Double)
    high: Mapped[float | None] = mapped_column(Double)
    choices: Mapped[str] = mapped_column(Text)
    restart: Mapped[bool]
    editable: Mapped[bool]
    value: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(BigInteger)
    edited_at: Mapped[datetime | None] = mapped_column(Moment)
    edited_by: Mapped[str] = mapped_column(String(64))


class SettingEdit(Base):
    """A change of such a row, made here (`origin` portal) or at home. `state`: waiting, replaced by a later one from here
    before the device heard of it, applied, refused (`why`: the device's sentence), or overtaken by a later one at home.
    `base`: the version upon which it was made; `version`: the one that it led to. `other_…`: the edit of the other side,
    when both had changed the row."""

    __tablename__ = "setting_edits"
    __table_args__ = TABLE

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    device_id: Mapped[str] = mapped_column(DeviceId, ForeignKey("devices.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(Key, unique=True)
    name: Mapped[str] = mapped_column(String(80))
    value: Mapped[str] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(16))
    why: Mapped[str] = mapped_column(String(300))
    base: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int | None] = mapped_column(BigInteger)
    made_by: Mapped[str] = mapped_column(String(254))
    made_at: Mapped[datetime | None] = mapped_column(Moment)
    settled_at: Mapped[datetime | None] = mapped_column(Moment)
    other_value: Mapped[str | None] = mapped_column(Text)
    other_by: Mapped[str | None] = mapped_column(String(64))
    other_at: Mapped[datetime | None] = mapped_column(Moment)
