"""A backup is started once, on a copy, before it takes the place of anything: what would end each start of the camera is
found while the old one still runs."""

from __future__ import annotations

import contextlib
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
from pi_cam.trust.authority import RELEASED, issue, permitted_names
from pi_cam.trust.certificates import read_identity
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.opening import open_trust
from pi_cam.trust.own_certificate import read_own
from pi_cam.trust.own_names import local_names
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
        log.debug("the camera would not start with this backup", extra={"trouble": str(error)[:200]})
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
    _try_certificates(folder / "tls", key.id)


def _read_portals_rows(store: Store) -> None:
    """As `remote.rows` does, which is none of this layer's."""
    with store.transaction() as connection:
        for (value,) in connection.execute("SELECT value FROM configuration UNION ALL SELECT value FROM portal_edits"):
            json.loads(value)
        for (other,) in connection.execute("SELECT other FROM portal_edits WHERE other != ''"):
            found = json.loads(other)
            found["value"], found["by"], found["at"]


def _try_certificates(folder: Path, device: str) -> None:
    """As `Certificates` does, which would tell of each in the log. A damaged authority is made anew by the start, and an
    owner's certificate that is no good left alone."""
    authority = read_identity(folder / "ca.pem")
    if authority is not None:
        permitted = permitted_names(authority.certificate)
        issue(authority, [name for name in local_names(device) if name in permitted], (), RELEASED)
    with contextlib.suppress(SettingError):
        read_own(folder, RELEASED)


def _is_of_the_disk(error: Exception) -> bool:
    cause = error.__cause__ if isinstance(error, StoreError) else error
    full = isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return isinstance(cause, OSError) or full
