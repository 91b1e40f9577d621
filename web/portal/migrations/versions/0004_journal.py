"""The journal of devices, how they are, and when they were away."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
TABLE: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
HEALTH = ("uptime_seconds", "temperature", "disk_free", "disk_size")


def _of_device(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=f"fk_{table}_device_id", ondelete="CASCADE")


def _hash(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.VARBINARY(32), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable, autoincrement=False)


def upgrade() -> None:
    """The tables of `devices/journal/models.py` and `devices/outages.py`, and columns of devices and people."""
    op.create_table(
        "journal_rows",
        sa.Column("device_id", sa.String(20), nullable=False),
        _number("seq"),
        _hash("previous_hash"),
        _hash("hash"),
        _number("at"),
        sa.Column("shown_at", MOMENT, nullable=False),
        *(sa.Column(name, sa.String(100), nullable=False) for name in ("actor", "action", "camera")),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "seq", name="pk_journal_rows"),
        _of_device("journal_rows"),
        **TABLE,
    )
    op.create_index("ix_journal_rows_device_id_shown_at", "journal_rows", ["device_id", "shown_at"])
    op.create_table(
        "journal_ends",
        sa.Column("device_id", sa.String(20), nullable=False),
        _number("before_seq"),
        _hash("before_hash"),
        _number("last_seq"),
        _hash("last_hash"),
        _number("signed_seq", nullable=True),
        _hash("signed_hash", nullable=True),
        _number("signed_at", nullable=True),
        sa.Column("signature", sa.VARBINARY(64)),
        sa.Column("signed_came_at", MOMENT),
        sa.Column("refused_at", MOMENT),
        _number("refused_seq", nullable=True),
        sa.Column("refused_why", sa.String(16)),
        sa.PrimaryKeyConstraint("device_id", name="pk_journal_ends"),
        _of_device("journal_ends"),
        **TABLE,
    )
    op.create_table(
        "outages",
        sa.Column("device_id", sa.String(20), nullable=False),
        sa.Column("camera", sa.String(32), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT),
        sa.Column("back_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("device_id", "camera", name="pk_outages"),
        _of_device("outages"),
        **TABLE,
    )
    op.create_table(
        "watches",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_watches"),
        **TABLE,
    )
    op.add_column("devices", sa.Column("uptime_seconds", sa.BigInteger()))
    op.add_column("devices", sa.Column("temperature", sa.Float()))
    op.add_column("devices", sa.Column("disk_free", sa.BigInteger()))
    op.add_column("devices", sa.Column("disk_size", sa.BigInteger()))
    op.create_index("ix_devices_seen_at", "devices", ["seen_at"])
    op.add_column("users", sa.Column("mail_outages", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    """The rows go; devices keep theirs."""
    # Not by copies of the tables: SQLite would empty those that refer to them.
    op.drop_column("users", "mail_outages")
    op.drop_index("ix_devices_seen_at", "devices")
    for column in HEALTH:
        op.drop_column("devices", column)
    for table in ("watches", "outages", "journal_ends", "journal_rows"):
        op.drop_table(table)
