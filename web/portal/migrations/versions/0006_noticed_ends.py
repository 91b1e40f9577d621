"""Shares whose end was noticed, and an epoch for everybody who may come in."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BEGIN_EPOCHS = """
    INSERT INTO epochs (device_id, user_id, epoch)
    SELECT entitled.device_id, entitled.user_id, :now
    FROM (SELECT id AS device_id, owner_id AS user_id FROM devices UNION SELECT device_id, user_id FROM shares) AS entitled
    LEFT JOIN epochs ON epochs.device_id = entitled.device_id AND epochs.user_id = entitled.user_id
    WHERE epochs.epoch IS NULL
"""


def upgrade() -> None:
    """`Share.ended` of `devices/models.py`, and rows of `Epoch`."""
    op.add_column("shares", sa.Column("ended", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.get_bind().execute(sa.text(BEGIN_EPOCHS), {"now": int(time.time())})


def downgrade() -> None:
    """The epochs stay: they never fall."""
    with op.batch_alter_table("shares") as shares:
        shares.drop_column("ended")
