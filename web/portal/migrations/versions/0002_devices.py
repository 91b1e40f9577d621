"""Devices, their cameras, and how they come to an account."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
TABLE: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _described() -> list[sa.Column[Any]]:
    return [
        sa.Column("public_key", sa.VARBINARY(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
    ]


def _of_user(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["users.id"], name=f"fk_{table}_{column}", ondelete="CASCADE")


def upgrade() -> None:
    """The tables of `devices/models.py`."""
    op.create_table(
        "devices",
        sa.Column("id", sa.String(20), nullable=False),
        *_described(),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("public_name", sa.String(253)),
        sa.Column("claimed_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        _of_user("devices", "owner_id"),
        **TABLE,
    )
    op.create_index("ix_devices_owner_id", "devices", ["owner_id"])
    op.create_table(
        "cameras",
        sa.Column("device_id", sa.String(20), nullable=False),
        sa.Column("camera", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("viewers", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "camera", name="pk_cameras"),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_cameras_device_id", ondelete="CASCADE"),
        **TABLE,
    )
    op.create_table(
        "claims",
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("user_code_hash", sa.String(64), nullable=False),
        sa.Column("device_id", sa.String(20), nullable=False),
        *_described(),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("polled_at", MOMENT),
        sa.Column("user_id", ID),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("told_at", MOMENT),
        sa.PrimaryKeyConstraint("code_hash", name="pk_claims"),
        sa.UniqueConstraint("user_code_hash", name="uq_claims_user_code_hash"),
        _of_user("claims", "user_id"),
        **TABLE,
    )
    for column in ("device_id", "expires_at", "user_id"):
        op.create_index(f"ix_claims_{column}", "claims", [column])
    op.create_table(
        "epochs",
        sa.Column("device_id", sa.String(20), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "user_id", name="pk_epochs"),
        _of_user("epochs", "user_id"),
        **TABLE,
    )
    op.create_index("ix_epochs_user_id", "epochs", ["user_id"])
    op.create_table(
        "signing_keys",
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("public_key", sa.VARBINARY(32), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_signing_keys"),
        **TABLE,
    )


def downgrade() -> None:
    """Every pairing goes; devices notice, and ask at home."""
    for table in ("signing_keys", "epochs", "claims", "cameras", "devices"):
        op.drop_table(table)
