"""The tables of the journal. Changed together with a migration in `web/portal/migrations/versions`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import VARBINARY, BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from web.journal.forwarded import Forwarded
from web.portal.database import TABLE, Base, Moment


class JournalRow(Base):
    """A row of a device's journal (`web.journal.forwarded`), with the hash of the row before it and its own. `at`:
    milliseconds since 1970, as the device's clock said. `shown_at`: the same where it can be true, else the
    moment at which the row came (`intake.shown_at`); by it rows of several devices are put in order."""

    __tablename__ = "journal_rows"
    __table_args__ = (Index("ix_journal_rows_device_id_shown_at", "device_id", "shown_at"), TABLE)

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    previous_hash: Mapped[bytes] = mapped_column(VARBINARY(32))
    hash: Mapped[bytes] = mapped_column(VARBINARY(32))
    at: Mapped[int] = mapped_column(BigInteger)
    shown_at: Mapped[datetime] = mapped_column(Moment)
    actor: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(100))
    camera: Mapped[str] = mapped_column(String(100))
    result: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(Text)

    def forwarded(self) -> Forwarded:
        """As the device made its hash from it."""
        return Forwarded(self.seq, self.at, self.actor, self.action, self.camera, self.result, self.detail)


class JournalEnds(Base):
    """Of one device. `before_*`: the row before the first that is kept (0 and the beginning, until retention takes rows
    away). `last_*`: the newest row. `signed_*`: the furthest row that the device signed, when it did so (milliseconds since
    1970, by its clock), the signature, and when that came. `refused_*`: what did not fit the last time, and why."""

    __tablename__ = "journal_ends"
    __table_args__ = TABLE

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True)
    before_seq: Mapped[int] = mapped_column(BigInteger)
    before_hash: Mapped[bytes] = mapped_column(VARBINARY(32))
    last_seq: Mapped[int] = mapped_column(BigInteger)
    last_hash: Mapped[bytes] = mapped_column(VARBINARY(32))
    signed_seq: Mapped[int | None] = mapped_column(BigInteger)
    signed_hash: Mapped[bytes | None] = mapped_column(VARBINARY(32))
    signed_at: Mapped[int | None] = mapped_column(BigInteger)
    signature: Mapped[bytes | None] = mapped_column(VARBINARY(64))
    signed_came_at: Mapped[datetime | None] = mapped_column(Moment)
    refused_at: Mapped[datetime | None] = mapped_column(Moment)
    refused_seq: Mapped[int | None] = mapped_column(BigInteger)
    refused_why: Mapped[str | None] = mapped_column(String(16))
