"""`python -m tests.wizard_host serve …`: `pi-cam` on a machine that has Wi-Fi, by rules instead of a radio."""

from __future__ import annotations

import sys

import pi_cam.app
from pi_cam import cli
from tests.scripted_wifi import ScriptedWifi

JOIN_SECONDS = 3.0

if __name__ == "__main__":
    pi_cam.app.make_wifi = lambda: ScriptedWifi(seconds=JOIN_SECONDS)
    sys.exit(cli.main())
