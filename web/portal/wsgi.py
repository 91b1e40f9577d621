"""For any WSGI server: `web.portal.wsgi:app`. What is missing in the environment is said in one sentence."""

from __future__ import annotations

import logging
import os
import sys

from web.portal.app import create_app
from web.portal.errors import BadSettings
from web.portal.settings import from_environment

GIVE_UP = 3
"""The exit status with which gunicorn knows that a worker cannot start, and does not try again."""

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
try:
    app = create_app(from_environment(os.environ))
except BadSettings as error:
    sys.stderr.write(f"The portal cannot start. {error}\n")
    sys.stderr.flush()
    sys.exit(GIVE_UP)
