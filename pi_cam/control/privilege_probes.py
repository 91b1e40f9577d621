"""Who can read what is secret, and as whom the service runs."""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Iterator
from pathlib import Path

from pi_cam.control.findings import Finding, Place
from pi_cam.store import SECRET
from pi_cam.trust.device_key import FILE as DEVICE_KEY

SECRETS = (
    *(SECRET, DEVICE_KEY, "pi-cam.*db*", "journal.*db*"),
    *("tls/ca.pem*", "tls/device.pem", "tls/served.pem", "tls/candidate.pem", "tls/own.key"),
)
"""Patterns; set aside ones and SQLite's side files, too."""

SETTINGS = "settings*.json"
"""Secret where they hold the camera's address, which may hold a password."""

OTHERS = 0o077


def privileges(place: Place) -> list[Finding]:
    """That nobody else can read what is secret, and that it does not run as root where a service manager starts it."""
    there = list(_secrets(place.folder))
    findings = _open_to_others(place.folder, there) + _of_others(place.folder, there)
    if os.geteuid() == 0 and "INVOCATION_ID" in place.environment:  # systemd.exec(5)
        remedy = "Run the service as a user of its own, as deploy shows it."
        findings.append(Finding("privileges", "optional", "The service runs as root, which it does not need.", remedy))
    return findings or [Finding("privileges", "ok", "Only the user that runs pi-cam can read its secrets.")]


def _secrets(folder: Path) -> Iterator[Path]:
    for pattern in SECRETS:
        yield from sorted(folder.glob(pattern))
    yield from (path for path in sorted(folder.glob(SETTINGS)) if b'"source"' in path.read_bytes())


def _open_to_others(folder: Path, secrets: list[Path]) -> list[Finding]:
    findings = [
        Finding("privileges", "missing", f"Others can read {path}.", f"Run: {_close(path, 600)}")
        for path in secrets
        if path.stat().st_mode & OTHERS
    ]
    if secrets and folder.stat().st_mode & OTHERS:
        text = f"Others can look into the folder {folder}."
        findings.append(Finding("privileges", "missing", text, f"Run: {_close(folder, 700)}"))
    return findings


def _close(path: Path, mode: int) -> str:
    """The command that does it; only the owner of a file, and root, may."""
    sudo = "" if path.stat().st_uid == os.geteuid() else "sudo "
    return f"{sudo}chmod {mode} {shlex.quote(str(path))}"


def _of_others(folder: Path, secrets: list[Path]) -> list[Finding]:
    if not secrets:
        return []
    owner, us = folder.stat().st_uid, os.geteuid()
    findings = []
    if strange := [path for path in secrets if path.stat().st_uid != owner]:
        names, whose = ", ".join(path.name for path in strange), _name(strange[0].stat().st_uid)
        text = f"The folder {folder} belongs to {_name(owner)}, but what is in it to {whose}: {names}."
        command = f"sudo chown -R {_name(owner)} {shlex.quote(str(folder))}"
        findings.append(Finding("privileges", "missing", text, f"Run: {command}"))
    if owner != us:
        text = f"The folder {folder} belongs to {_name(owner)}, and this runs as {_name(us)}."
        findings.append(Finding("privileges", "optional", text, f"Run pi-cam as {_name(owner)}."))
    return findings


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
