"""`python -m web.portal.migrate up|down|show [REVISION]`: brings the tables of DATABASE_URL to a state.

`up` goes to the newest state, `down` one step back, unless a revision is named (`base`: no tables at all).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from web.portal.database import engine_for

MIGRATIONS = Path(__file__).parent / "migrations"


def up(engine: Engine, revision: str = "head") -> None:
    """Adds what is missing."""
    with engine.begin() as connection:
        command.upgrade(_config(connection), revision)


def down(engine: Engine, revision: str = "-1") -> None:
    """Takes steps back, with what is in the tables that go."""
    with engine.begin() as connection:
        command.downgrade(_config(connection), revision)


def state(engine: Engine) -> str | None:
    """The revision of the tables; None before the first."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def main(arguments: list[str]) -> int:
    """Exit 2 for usage, 1 for what fails, each with one sentence."""
    url = os.environ.get("DATABASE_URL", "")
    if not url or not 1 <= len(arguments) <= 2 or arguments[0] not in ("up", "down", "show"):
        sys.stderr.write("usage: DATABASE_URL=… python -m web.portal.migrate up|down|show [REVISION]\n")
        return 2
    try:
        engine = engine_for(url)
        if arguments[0] != "show":
            {"up": up, "down": down}[arguments[0]](engine, *arguments[1:])
        sys.stdout.write(f"the tables are at revision {state(engine) or 'base'}\n")
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        sys.stderr.write(f"The database did not do this: {cause}\n")
        return 1
    return 0


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
