"""The helper that has the rights of the Wi-Fi: `python -m pi_cam.setup_wizard.netd`, as pi-cam-netd.service runs it.

PI_CAM_NETD_HOTSPOT   `yes`: the camera opens its own Wi-Fi when nothing else leads to it. Else only when somebody asks.
PI_CAM_NETD_LOST      seconds, 10 to 86400, that a network which was joined may be away before that; without it 300.
"""

from __future__ import annotations

import asyncio
import base64
import grp
import hashlib
import hmac
import logging
import os
import pwd
import re
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from pi_cam.logs import configure_logging
from pi_cam.setup_wizard.captive import HEAD_BYTES_MAX, Captive
from pi_cam.setup_wizard.captive_page import CaptivePage
from pi_cam.setup_wizard.hotspot import Hotspot, Times
from pi_cam.setup_wizard.network import Networks
from pi_cam.setup_wizard.wifi import WifiError
from pi_cam.setup_wizard.wifi_keeper import Keeper
from pi_cam.setup_wizard.wifi_requests import LINE_BYTES_MAX, Requests
from pi_cam.watchdog import Manager

log = logging.getLogger(__name__)

ALLOWED, LOST = "PI_CAM_NETD_HOTSPOT", "PI_CAM_NETD_LOST"
LOST_SECONDS = range(10, 86_401)
RUN = Path("/run/pi-cam-netd")
CAMERA_USER, FRONT_GROUP = "pi-cam", "pi-cam-hotspot"
WISHED = RUN / "hotspot"
"""Read by pi-cam-hotspot-names.service, which is root: while it says `up`, all names lead phones to the page."""

NAMES = Path("/etc/NetworkManager/dnsmasq-shared.d/pi-cam-hotspot.conf")
NAMES_SECONDS = 15.0
MACHINE_ID = Path("/etc/machine-id")

Meet = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def main() -> int:
    """Until the bus ends, or systemd does so."""
    manager = Manager.take()
    os.umask(0o077)
    configure_logging("INFO")
    try:
        asyncio.run(_run(manager, hotspot_name(MACHINE_ID.read_text("ascii"))))
    except WifiError as error:
        log.warning("ended", extra={"trouble": str(error)})
    except KeyboardInterrupt:
        return 0
    return 1


def hotspot_name(machine_id: str) -> str:
    """Of two cameras in one home, each has its own. The machine's id, which is nobody's business, is not found from it."""
    digest = hmac.digest(machine_id.strip().encode(), b"pi-cam hotspot", hashlib.sha256)
    return "Camera-" + base64.b32encode(digest)[:4].decode("ascii")


def times(environment: Mapping[str, str]) -> Times:
    """As the operator wants them; what is no number of seconds counts for nothing, and the log says so."""
    given = environment.get(LOST, "").strip()
    if re.fullmatch(r"[0-9]{1,5}", given) and int(given) in LOST_SECONDS:
        return Times(lost=float(given))
    if given:
        log.warning("not a number of seconds", extra={"setting": LOST, "least": 10, "most": 86_400})
    return Times()


async def _run(manager: Manager, name: str) -> None:
    networks, page = Networks(), CaptivePage()

    async def captive(wanted: bool) -> None:
        if wanted:
            await page.prepare()
        await names_lead_here(wanted)

    async with networks.connected():
        rule = Hotspot(time.monotonic, times(os.environ), allowed=os.environ.get(ALLOWED) == "yes")
        keeper = Keeper(networks, rule, name, captive)
        requests = Requests(keeper, [0, pwd.getpwnam(CAMERA_USER).pw_uid])
        page_met = Captive(keeper, page).meet
        await asyncio.start_unix_server(requests.meet, sock=door("control", CAMERA_USER), limit=LINE_BYTES_MAX)
        await asyncio.start_unix_server(page_met, sock=door("captive", FRONT_GROUP), limit=HEAD_BYTES_MAX)
        manager.tell(READY=1)
        gone, keeping = asyncio.create_task(networks.until_gone()), asyncio.create_task(keeper.run())
        ended, _ = await asyncio.wait([gone, keeping], return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    log.warning("the system bus has ended")


def door(name: str, group: str) -> socket.socket:
    """A socket that the members of a group may open, and nobody else."""
    path = RUN / name
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    os.chown(path, -1, grp.getgrnam(group).gr_gid)
    path.chmod(0o660)
    return listener


async def names_lead_here(wanted: bool) -> None:
    """Has dnsmasq answer every name with the hotspot's address, or no longer. Root does it, and soon."""
    deadline = time.monotonic() + NAMES_SECONDS
    while time.monotonic() < deadline:
        _wish_for_names(wanted)
        for _ in range(10):
            if _names_lead_here() == wanted:
                return
            await asyncio.sleep(0.2)
    log.warning("phones will not find the page by themselves" if wanted else "names still lead here")


def _wish_for_names(wanted: bool) -> None:
    WISHED.write_text("up\n" if wanted else "down\n", "ascii")
    WISHED.chmod(0o644)  # root without capabilities reads what everybody may


def _names_lead_here() -> bool:
    return NAMES.exists()


if __name__ == "__main__":
    sys.exit(main())
