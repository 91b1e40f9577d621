"""What the doctor says of the tunnel: its program, its secret, its configuration, its connection."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pi_cam.errors import PiCamError, SettingError
from pi_cam.remote import cloudflared
from pi_cam.remote.tunnel_plan import FOLDER, make_plan, wanted
from pi_cam.settings import Settings

Line = tuple[Literal["ok", "optional", "missing"], str, str]
"""How it is, what was found, what to do."""

ANY_PORT = 8081
"""For who does not know the tunnel's listener: it does not change how the configuration is looked at."""

GUIDE = "Do what docs/tunnel.md says about it; pi-cam tries again by itself."
NO_RUN = "Start pi-cam with --tunnel-port."
NO_CONNECTION = "Look whether this machine reaches the Internet; the page From anywhere says more."


def look(settings: Settings, data: Path, port: int | None) -> list[Line]:
    """Has the program itself look at the configuration that it would get."""
    if not wanted(settings):
        return [("ok", "No tunnel is set up here: the device is reached at home.", "")]
    try:
        plan = make_plan(settings, data, port)
        version = cloudflared.version(plan)
        # Where a program with fewer rights sees it, too; until there is a tunnel there may be no such folder.
        plan.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="look-", dir=plan.folder) as folder:
            cloudflared.validate(plan, cloudflared.write_configuration(plan, Path(folder), 1))
    except PiCamError as error:
        return [("missing", str(error), GUIDE)]
    except OSError as error:
        return [("missing", f"The tunnel's configuration cannot be written: {error.strerror}.", GUIDE)]
    return [("ok", f"cloudflared {version} is installed, and takes its configuration.", ""), _connection(data)]


def _connection(data: Path) -> Line:
    port = cloudflared.written_metrics_port(data / FOLDER)
    count = cloudflared.connections(port) if port is not None else None
    if count is None:
        return ("optional", "The tunnel does not run now.", NO_RUN)
    if count == 0:
        return ("optional", "The tunnel runs, but has no connection to Cloudflare now.", NO_CONNECTION)
    return ("ok", f"The tunnel is up; its connections to Cloudflare: {count}.", "")


def of_folder(data: Path) -> Callable[[], list[Line]]:
    """The same for who has a data folder and nothing that runs: with the settings of then. That they make no sense is said
    by the line about settings."""

    def looked() -> list[Line]:
        try:
            settings = Settings.load(data)
        except SettingError:
            return []
        return look(settings, data, ANY_PORT)

    return looked
