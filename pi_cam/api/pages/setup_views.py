"""What each page of the wizard shows."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from itertools import groupby
from typing import Any

from pi_cam import about
from pi_cam.api import pairing, qr
from pi_cam.api.audio import describe_sound
from pi_cam.api.cameras import describe
from pi_cam.api.services import Services, services
from pi_cam.api.setup_answers import ENTERPRISE, WEP, zones
from pi_cam.camera_book import MAIN
from pi_cam.capture.usb_address import found_devices, title_of
from pi_cam.remote.tunnel_plan import has_program
from pi_cam.setup_wizard.steps import Step
from pi_cam.setup_wizard.wifi import Network, WifiError, WifiState
from pi_cam.trust.own_names import own_name
from pi_cam.updates.places import HERE as PLACES

ZWJ = "\u200d"
"""Joins emoji."""


def of(step: Step) -> dict[str, Any]:
    """The values of its template."""
    view = VIEWS.get(step)
    return view(services()) if view else {}


def shown_name(ssid: str) -> str:
    """A network's name such that nothing in it hides or turns the rest around."""
    return "".join(sign if sign.isprintable() or sign == ZWJ else "\N{REPLACEMENT CHARACTER}" for sign in ssid)


def key_of(ssid: str) -> str:
    """A name as a form can hold it: a browser would change the line ends in it."""
    return urlsafe_b64encode(ssid.encode()).decode()


def name_of(key: str) -> str:
    """The name again; empty for what is none."""
    try:
        return urlsafe_b64decode(key.encode("ascii", "replace")).decode()
    except ValueError:
        return ""


def _language(here: Services) -> dict[str, Any]:
    name = describe(MAIN)["name"]
    return {"camera_name": "" if name == "Camera" else name}


def _wifi(here: Services) -> dict[str, Any]:
    trouble, networks, state = None, [], WifiState("offline")
    try:
        state = here.wifi.state()
        networks = [_network(one) for one in here.wifi.networks() if one.ssid]
    except WifiError as error:
        trouble = str(error)
    return {
        "wifi": state,
        "networks": networks,
        "trouble": trouble,
        "joined": shown_name(state.ssid or ""),
        "failed": shown_name(state.failed_ssid or ""),
        "address": _address(here),
        "why_not": {"wep": WEP, "enterprise": ENTERPRISE},
    }


def _address(here: Services) -> str | None:
    """Under which the camera is found again, when it has gone to another network: there another may be `pi-cam.local`."""
    names = here.discovery.names
    own = own_name(here.device_id)
    return f"https://{own if own in names else names[0]}" if names else None


def _network(one: Network) -> dict[str, Any]:
    return {
        "key": key_of(one.ssid),
        "name": shown_name(one.ssid),
        "signal": one.signal,
        "bars": min(4, max(1, 1 + one.signal // 25)),
        "security": one.security,
        "known": one.known,
    }


def _camera(here: Services) -> dict[str, Any]:
    async def look() -> dict[str, Any]:
        camera = here.cameras.get(MAIN)
        return {"camera": here.cameras.describe(camera), "sound": describe_sound(here, camera)}

    return {**here.loop.call(look()), "usb_cameras": usb_cameras()}


def usb_cameras() -> list[tuple[str, str]]:
    """Those that are plugged in, as addresses and titles."""
    try:
        return [(f"usb:{device}", title_of(device)) for device in found_devices()]
    except OSError:  # one was pulled out meanwhile
        return []


def _time(here: Services) -> dict[str, Any]:
    regions = [(region, list(group)) for region, group in groupby(zones(), lambda zone: zone.partition("/")[0])]
    return {"regions": regions, "zone": here.settings.text("time_zone")}


def _remote(here: Services) -> dict[str, Any]:
    state = pairing.described()
    return {
        "pairing": state,
        "qr": qr.data_address(state.get("link")),
        "tunnel": here.tunnel.state(),
        "tunnel_fixed": here.settings.set_by("tunnel") == "environment" or not _tunnel_can_be(here),
    }


def _tunnel_can_be(here: Services) -> bool:
    """A flashed card has nobody who would put the program, or its secret, onto it."""
    return not PLACES.image.exists() or has_program(here.settings)


def _updates(here: Services) -> dict[str, Any]:
    return {
        "support_until": about.SUPPORT_UNTIL.isoformat(),
        "on": here.settings.flag("updates"),
        "fixed": here.settings.set_by("updates") == "environment",
        "hindrance": here.releases.hindrance(),
    }


VIEWS: dict[Step, Callable[[Services], dict[str, Any]]] = {
    "language": _language,
    "wifi": _wifi,
    "camera": _camera,
    "time": _time,
    "remote": _remote,
    "updates": _updates,
}
