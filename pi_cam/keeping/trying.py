"""A backup is started once, on a copy, before it takes the place of anything: what would end each start of the camera is
found while the old one still runs."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
from pathlib import Path

from pi_cam.camera_book import CameraBook
from pi_cam.errors import SettingError, StoreError
from pi_cam.keeping.sealed import NO_BACKUP
from pi_cam.settings import Settings
from pi_cam.store import Store
from pi_cam.trust.certificates import Certificates
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.opening import open_trust
from pi_cam.trust.sealing import Seal

log = logging.getLogger(__name__)

COPY = "trying"


def try_start(staged: Path) -> None:
    """Raises `SettingError` when the camera would not start with these files, `OSError` when the disk says no. Leaves them
    as they are."""
    copy = staged / COPY
    shutil.copytree(staged, copy)
    try:
        _start(copy)
    except Exception as error:  # an edge: who knows in which way a part fails on what somebody made up?
        if _is_of_the_disk(error):
            raise OSError(str(error)) from error
        log.warning("the camera would not start with this backup", extra={"trouble": str(error)[:200]})
        raise SettingError(NO_BACKUP) from None
    finally:
        shutil.rmtree(copy)


def _start(folder: Path) -> None:
    """What of the folder a start reads and cannot do without, as `app.App` does."""
    store = Store(folder)
    store.open(create=False)
    settings = Settings.load(folder, {})
    key = DeviceKey.load(folder)
    CameraBook(store, Seal(store.secret())).open()
    trust = open_trust(store, settings)
    trust.accounts.has_owner()
    trust.pairing.portal()
    _read_portals_rows(store)
    Certificates(folder, key.id).context()


def _read_portals_rows(store: Store) -> None:
    """As `remote.rows` does, which is none of this layer's."""
    with store.transaction() as connection:
        for (value,) in connection.execute("SELECT value FROM configuration UNION ALL SELECT value FROM portal_edits"):
            json.loads(value)
        for (other,) in connection.execute("SELECT other FROM portal_edits WHERE other != ''"):
            found = json.loads(other)
            found["value"], found["by"], found["at"]


def _is_of_the_disk(error: Exception) -> bool:
    cause = error.__cause__ if isinstance(error, StoreError) else error
    full = isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return isinstance(cause, OSError) or full
