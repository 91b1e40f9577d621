"""Sharing: what others may do with a camera, and invitations to it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
TABLE: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _of_device(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=f"fk_{table}_device_id", ondelete="CASCADE")


def upgrade() -> None:
    """`Share` and `Invitation` of `devices/models.py`."""
    op.create_table(
        "shares",
        sa.Column("device_id", sa.String(20), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("camera", sa.String(32), nullable=False),
        sa.Column("can", sa.String(100), nullable=False),
        sa.Column("until", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("device_id", "user_id", "camera", name="pk_shares"),
        _of_device("shares"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_shares_user_id", ondelete="CASCADE"),
        **TABLE,
    )
    op.create_index("ix_shares_user_id", "shares", ["user_id"])
    op.create_table(
        "invitations",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("device_id", sa.String(20), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("cameras", sa.Text(), nullable=False),
        sa.Column("until", MOMENT),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_invitations"),
        _of_device("invitations"),
        **TABLE,
    )
    op.create_index("ix_invitations_device_id", "invitations", ["device_id"])
    op.create_index("ix_invitations_expires_at", "invitations", ["expires_at"])


def downgrade() -> None:
    """Nobody but owners sees anything any more."""
    for table in ("invitations", "shares"):
        op.drop_table(table)
