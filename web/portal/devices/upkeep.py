"""What is to be done though nobody asks, after the answer to some request: the portal has no thread of its own."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response
from sqlalchemy.exc import SQLAlchemyError

from web.portal.devices import outages
from web.portal.rules import is_file

EVERY_SECONDS = 60.0

log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    """In each worker at most once a minute; of several who look at the same moment, one does it."""
    last = -EVERY_SECONDS

    @app.after_request
    def arrange(response: Response) -> Response:
        nonlocal last
        now = time.monotonic()
        if now - last >= EVERY_SECONDS and not is_file():
            last = now
            response.call_on_close(lambda: _do(app))
        return response


def _do(app: Flask) -> None:
    try:
        with app.app_context():
            outages.look()
    except SQLAlchemyError as error:
        log.error("the chores were not done: %s", type(error).__name__)
