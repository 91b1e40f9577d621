"""The data folder and what is kept in it. Looking changes nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pi_cam import database as files
from pi_cam.control.findings import Finding, Place
from pi_cam.errors import SettingError
from pi_cam.journal.ledger import NAME as JOURNAL
from pi_cam.journal.ledger import Filter, Ledger
from pi_cam.settings import Settings
from pi_cam.store import DATABASE, GOOD_COPY, MIGRATIONS, SECRET, Store
from pi_cam.trust.authority import RELEASED
from pi_cam.trust.certificates import RENEW_BEFORE
from pi_cam.trust.device_key import FILE as DEVICE_KEY
from pi_cam.trust.own_certificate import read_own

MIN_FREE_BYTES = 200 << 20
OWN_DAYS = 14
SECRETS = (
    *(SECRET, DEVICE_KEY, DATABASE, GOOD_COPY, JOURNAL),
    *("tls/ca.pem", "tls/device.pem", "tls/served.pem", "tls/own.key"),
)
OTHERS = 0o077


def data(place: Place) -> list[Finding]:
    """The folder can be written, or made."""
    folder, there = place.folder, _nearest(place.folder)
    try:
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError("it is a file")
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        remedy = "Name another folder with --data, or make this one writable for whoever runs pi-cam."
        cause = error.strerror or str(error)
        return [Finding("data", "missing", f"The folder {folder} cannot be written: {cause}.", remedy)]
    text = f"The folder {folder} can be written." if folder.exists() else f"The folder {folder} can be made."
    return [Finding("data", "ok", text)]


def disk(place: Place) -> list[Finding]:
    """Room for what is kept."""
    free = shutil.disk_usage(_nearest(place.folder)).free
    text = f"{free >> 20} MB are free on the disk."
    if free < MIN_FREE_BYTES:
        return [Finding("disk", "missing", text, "Delete what is not needed on this disk.")]
    return [Finding("disk", "ok", text)]


def _nearest(folder: Path) -> Path:
    """The folder itself, or the first above it that exists."""
    absolute = folder.absolute()
    return next(path for path in (absolute, *absolute.parents) if path.exists())


def database(place: Place) -> list[Finding]:
    """People, sessions, cameras: whole, and of a version that is known here."""
    path, good = place.folder / DATABASE, place.folder / GOOD_COPY
    if not path.exists():
        if not good.exists():
            return [Finding("database", "ok", "There is no database yet: the first start makes it.")]
        return [_damaged("it is gone", good)]
    try:
        with files.connection(path) as opened:
            files.check(opened)
            version: int = opened.execute("PRAGMA user_version").fetchone()[0]
    except files.Damaged as damage:
        return [_damaged(str(damage), good)]
    except sqlite3.Error as error:
        if files.is_damage(error):
            return [_damaged(str(error), good)]
        remedy = "Look whether the disk is full, and whether the folder belongs to whoever runs pi-cam."
        return [Finding("database", "missing", f"The database in {place.folder} cannot be used: {error}", remedy)]
    if version > len(MIGRATIONS):
        text = "The data folder was written by a newer version of pi-cam."
        return [Finding("database", "missing", text, "Install that version again.")]
    problem = Store(place.folder).problem()
    if problem:
        remedy = "Look whether people and cameras are as they should be, then delete the damaged file."
        return [Finding("database", "optional", problem, remedy)]
    return [Finding("database", "ok", "The database is whole.")]


def _damaged(why: str, good: Path) -> Finding:
    remedy = (
        "Start pi-cam again: it uses the last good copy, in which nobody is signed in."
        if good.exists()
        else "Restore a backup, or move the database away to begin anew."
    )
    return Finding("database", "missing", f"The database is damaged: {why}.", remedy)


def journal(place: Place) -> list[Finding]:
    """Whether each row is as it was written."""
    if not (place.folder / JOURNAL).exists():
        return [Finding("journal", "ok", "There is no journal yet: the first start begins it.")]
    if not (place.folder / SECRET).exists():
        text = f"The key for the journal ({SECRET}) is gone."
        return [Finding("journal", "missing", text, "Restore it from a backup.")]
    ledger = Ledger(place.folder, Store(place.folder).secret())
    lost = ledger.missing()
    if lost is None and place.journal_rows_max is not None:
        length = _rows(ledger)
        if length > place.journal_rows_max:
            text = f"The journal has {length} rows, which are not read through here; pi-cam journal verify does."
            return [Finding("journal", "ok", text)]
    count, fault = ledger.first_fault()
    fault = fault or lost
    if fault is None:
        return [Finding("journal", "ok", f"The journal is whole: {count} rows, none altered, removed or reordered.")]
    remedy = "Find out who can write to the data folder; keep a copy of it, and do not trust what the journal says."
    return [Finding("journal", "optional", fault, remedy)]


def _rows(ledger: Ledger) -> int:
    newest, oldest = (ledger.rows(Filter(), 1, newest_first=first) for first in (True, False))
    return newest[0].id - oldest[0].id + 1 if newest and oldest else 0


def settings(place: Place) -> list[Finding]:
    """Those of the file, and of the environment."""
    remedy = "Set it anew on the settings page, or mend settings.json while pi-cam does not run."
    try:
        problems = Settings.load(place.folder, place.environment).problems()
    except SettingError as error:
        return [Finding("settings", "missing", str(error), "Mend or remove that variable where pi-cam is started.")]
    if problems:
        return [Finding("settings", "optional", problem, remedy) for problem in problems]
    return [Finding("settings", "ok", "Every setting makes sense.")]


def certificates(place: Place) -> list[Finding]:
    """The owner's own, the device's, and its authority's fingerprint."""
    now, folder = _now(place), place.folder / "tls"
    findings = _owners(folder, now) + _devices(folder, now)
    if (folder / "ca.crt").exists():
        certificate = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
        fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        findings.append(Finding("certificates", "ok", f"The fingerprint of this device's authority is {fingerprint}."))
    return findings or [
        Finding("certificates", "ok", "There is no certificate yet: one is made when others may connect.")
    ]


def _now(place: Place) -> datetime:
    """What is wrong with the clock is said in a line of its own."""
    try:
        return datetime.fromtimestamp(place.now(), UTC)
    except (OverflowError, ValueError, OSError):
        return RELEASED


def _owners(folder: Path, now: datetime) -> list[Finding]:
    try:
        own = read_own(folder, now)
    except SettingError as error:
        remedy = "Bring a good own.crt and own.key; until then the device's own certificate is served."
        return [Finding("certificates", "optional", str(error), remedy)]
    if own is None:
        return []
    days = (x509.load_pem_x509_certificate(own).not_valid_after_utc - now).days
    text = f"Your own certificate holds for {days} days."
    if days < OWN_DAYS:
        return [Finding("certificates", "optional", text, "Renew it where you have it from.")]
    return [Finding("certificates", "ok", text)]


def _devices(folder: Path, now: datetime) -> list[Finding]:
    path, remedy = folder / "device.pem", "Start pi-cam again: it makes a new one."
    if not path.exists():
        return []
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        return [Finding("certificates", "optional", "tls/device.pem cannot be read as a certificate.", remedy)]
    days = (certificate.not_valid_after_utc - now).days
    text = f"The device's own certificate holds for {days} days."
    if days >= RENEW_BEFORE.days:
        return [Finding("certificates", "ok", text)]
    return [Finding("certificates", "missing" if days < 0 else "optional", text, remedy)]


def privileges(place: Place) -> list[Finding]:
    """That nobody else can read what is secret, and that it does not run as root where a service manager starts it."""
    findings = _open_to_others(place.folder)
    if os.geteuid() == 0 and "INVOCATION_ID" in place.environment:  # systemd.exec(5)
        remedy = "Run the service as a user of its own, as deploy shows it."
        findings.append(Finding("privileges", "optional", "The service runs as root, which it does not need.", remedy))
    return findings or [Finding("privileges", "ok", "Only the user that runs pi-cam can read its secrets.")]


def _open_to_others(folder: Path) -> list[Finding]:
    there = [path for path in (folder / name for name in SECRETS) if path.exists()]
    findings = [
        Finding("privileges", "missing", f"Others can read {path}.", f"Run: chmod 600 {path}")
        for path in there
        if path.stat().st_mode & OTHERS
    ]
    if there and folder.stat().st_mode & OTHERS:
        text = f"Others can look into the folder {folder}."
        findings.append(Finding("privileges", "missing", text, f"Run: chmod 700 {folder}"))
    return findings
