"""`python -m web.portal.chores`: what is to be done though nobody asks, for cron, each minute.

The portal does the same after answers to requests; where few devices come by, it is this that misses one.
"""

from __future__ import annotations

import os
import sys

from sqlalchemy.exc import SQLAlchemyError

from web.portal.app import create_app
from web.portal.database import db
from web.portal.devices import outages
from web.portal.errors import BadSettings
from web.portal.settings import from_environment


def main() -> int:
    """Exit 1 with one sentence when it cannot be done."""
    try:
        app = create_app(from_environment(os.environ))
        with app.app_context():
            outages.look()
            db.engine.dispose()
    except (BadSettings, SQLAlchemyError) as error:
        sys.stderr.write(f"The chores were not done: {getattr(error, 'orig', None) or error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
