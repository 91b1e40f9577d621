"""The configuration of devices, and edits of it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
TABLE: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _of_device(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=f"fk_{table}_device_id", ondelete="CASCADE")


def upgrade() -> None:
    """`DeviceSetting` and `SettingEdit` of `devices/setting_models.py`, and what a device is told of them."""
    op.add_column("devices", sa.Column("configuration", sa.String(32)))
    op.create_table(
        "device_settings",
        sa.Column("device_id", sa.String(20), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(100), nullable=False),
        sa.Column("help", sa.String(600), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("low", sa.Double()),
        sa.Column("high", sa.Double()),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("restart", sa.Boolean(), nullable=False),
        sa.Column("editable", sa.Boolean(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("edited_at", MOMENT),
        sa.Column("edited_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "name", name="pk_device_settings"),
        _of_device("device_settings"),
        **TABLE,
    )
    op.create_table(
        "setting_edits",
        sa.Column("id", ID, nullable=False),
        sa.Column("device_id", sa.String(20), nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(8), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.String(300), nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger()),
        sa.Column("made_by", sa.String(254), nullable=False),
        sa.Column("made_at", MOMENT),
        sa.Column("settled_at", MOMENT),
        sa.Column("other_value", sa.Text()),
        sa.Column("other_by", sa.String(64)),
        sa.Column("other_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_setting_edits"),
        sa.UniqueConstraint("key", name="uq_setting_edits_key"),
        _of_device("setting_edits"),
        **TABLE,
    )
    op.create_index("ix_setting_edits_device_id", "setting_edits", ["device_id"])


def downgrade() -> None:
    """Devices keep their settings; what waited for them is forgotten."""
    for table in ("setting_edits", "device_settings"):
        op.drop_table(table)
    op.drop_column("devices", "configuration")  # not by a copy of the table: SQLite would empty those that refer to it
