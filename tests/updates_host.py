"""`python -m tests.updates_host serve …`: `pi-cam` on a machine on which updates are installed, but for root's part. The
folders of it lie beside the data folder; trusted are the keys in `keys`."""

from __future__ import annotations

import sys
from pathlib import Path

import pi_cam.app
from pi_cam import cli
from pi_cam.api import system
from pi_cam.updates import trusted
from pi_cam.updates.places import Places

if __name__ == "__main__":
    folder = Path(sys.argv[sys.argv.index("--data") + 1])
    beside = folder.parent
    places = Places(beside / "programs", beside / "kept", beside / "asked", folder, beside / "image")
    pi_cam.app.HERE = places  # type: ignore[attr-defined]
    system.HERE = places  # type: ignore[attr-defined]
    trusted.load.__defaults__ = ((beside / "keys",),)
    sys.exit(cli.main())
