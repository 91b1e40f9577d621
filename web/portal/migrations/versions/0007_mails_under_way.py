"""Mails about outages that somebody is handing in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    """`Outage.telling_at` of `devices/outages.py`."""
    op.add_column("outages", sa.Column("telling_at", MOMENT))


def downgrade() -> None:
    """A mail that is under way may come twice."""
    with op.batch_alter_table("outages") as outages:
        outages.drop_column("telling_at")
