"""Runs migrations on the connection that `web.portal.migrate` hands over."""

from __future__ import annotations

from alembic import context

import web.portal.accounts.models
import web.portal.devices.journal.models
import web.portal.devices.models
import web.portal.devices.outages
import web.portal.devices.setting_models
import web.portal.throttle  # noqa: F401 - so that the metadata knows their tables
from web.portal.database import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
