"""What the answers to the steps of setting up do. Pages and API come here with the same words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cache
from zoneinfo import available_timezones

from pi_cam.api import pairing
from pi_cam.api import settings as setting_rows
from pi_cam.api.access import note, note_for_portal
from pi_cam.api.arrival import client_address
from pi_cam.api.camera_changes import choose_main
from pi_cam.api.services import Services, services
from pi_cam.camera_book import MAIN
from pi_cam.control.time_zone import set_time_zone
from pi_cam.errors import Conflict, MissingPart, NotAllowed, SettingError, TooManyTries
from pi_cam.setup_wizard.country import WORLD
from pi_cam.setup_wizard.steps import OWNER_THERE, Progress, Step
from pi_cam.setup_wizard.wifi import Security, WifiError, WifiState
from pi_cam.setup_wizard.wifi_wishes import IS_OPEN
from web.ui import texts

log = logging.getLogger(__name__)

CHANGE_TIMEOUT = 10.0
Values = Mapping[str, str]
Answer = Callable[[Services, Values], bool]
"""Does what was answered; whether the step is done with it. Raises with a sentence."""

LONGEST_SSID = 32
"""Bytes (IEEE 802.11, 9.4.2.2)."""

WEP = "WEP was broken long ago, and is not joined. Set the router to WPA2 or WPA3, or use its guest network."
ENTERPRISE = (
    "This network asks each device for an account of its own (enterprise), which this camera cannot have. "
    "Use another network, such as that for guests, or a cable."
)
PASSPHRASE = "A Wi-Fi password has 8 to 63 characters."


def progress() -> Progress:
    """How far setting up has come, on this machine as it is now."""
    here = services()
    return here.wizard.progress(has_owner=here.accounts.has_owner(), left_out=_left_out(here))


def answer(step: Step, action: str, values: Values) -> None:
    """Raises as `Progress.require`, `SettingError` for an answer that makes no sense, and whatever the step raises."""
    here, now = services(), progress()
    now.require(step)
    take = ANSWERS.get((step, action))
    if action == "skip":
        now.marked(step, "skipped")
        if now.mark(step) is None:  # who looks at a step again, and goes on, leaves it as it is
            here.wizard.note(step, "skipped")
    elif take is None:
        raise SettingError("This step cannot be answered so.")
    elif take(here, values) and step != "owner":
        here.wizard.note(step, "done")


@cache
def zones() -> tuple[str, ...]:
    """Time zones by the names of the IANA's database; those that are only kept for old machines come after no city."""
    found = available_timezones()
    return tuple(sorted(zone for zone in found if zone.partition("/")[0] in REGIONS)) + tuple({"UTC"} & found)


REGIONS = frozenset(
    {
        *("Africa", "America", "Antarctica", "Arctic", "Asia"),
        *("Atlantic", "Australia", "Europe", "Indian", "Pacific"),
    }
)


def wifi_state(here: Services) -> WifiState:
    """Where the machine stands. One that cannot tell has Wi-Fi, and says why it cannot when it is asked for networks."""
    try:
        return here.wifi.state()
    except WifiError:
        return WifiState("offline")


def _left_out(here: Services) -> frozenset[Step]:
    out: set[Step] = set()
    if wifi_state(here).phase == "absent":
        out.add("wifi")
    if here.settings.set_by("time_zone") == "environment" or not zones():
        out.add("time")
    return frozenset(out)


# The answers


def _language(here: Services, values: Values) -> bool:
    language, name = values.get("language", ""), values.get("camera_name", "").strip()
    if language and language not in texts.LANGUAGES:
        raise SettingError("The pages do not speak this language.")
    if name:
        before = here.loop.call(_main_name(here))
        if name != before:
            here.loop.call(here.cameras.change(MAIN, {"name": name}), CHANGE_TIMEOUT)
            note("camera-changed", camera=MAIN, fields=["name"])
            note_for_portal()
    if language and here.settings.set_by("language") != "environment":
        setting_rows.take({"language": language})
    return True


async def _main_name(here: Services) -> str:
    return here.cameras.get(MAIN).row.name


def _owner(here: Services, values: Values) -> bool:
    if here.accounts.has_owner():
        raise Conflict(OWNER_THERE)
    try:
        here.setup_code.check(values.get("code", ""), client_address())
    except (NotAllowed, TooManyTries) as error:
        note("setup-refused", result="refused", why=str(error))
        raise
    here.accounts.create_owner(values.get("name", ""), values.get("password", ""))
    note("owner-created", actor=values.get("name", "").strip())
    return True


def _join(here: Services, values: Values) -> bool:
    ssid, passphrase = values.get("ssid", ""), values.get("passphrase", "")
    if not 1 <= len(ssid.encode(errors="replace")) <= LONGEST_SSID:
        raise SettingError("A network's name has 1 to 32 letters, fewer with accents or emoji.")
    hidden = values.get("hidden", "") not in ("", "false", "no", "0")
    seen = next((one for one in here.wifi.networks() if one.ssid == ssid), None)
    security: Security = seen.security if seen else "wpa" if passphrase else "open"
    _check_passphrase(security, passphrase, needed=security == "wpa" and not (seen and seen.known))
    here.wifi.join(ssid, passphrase or None, hidden=hidden)
    note("wifi-chosen", ssid=ssid)
    return False  # only when it is connected


def _check_passphrase(security: Security, passphrase: str, *, needed: bool) -> None:
    if security in ("wep", "enterprise"):
        raise SettingError(WEP if security == "wep" else ENTERPRISE)
    if security == "open" and passphrase:
        raise SettingError(IS_OPEN)
    if not (needed or passphrase):
        return
    is_key = len(passphrase) == 64 and set(passphrase.lower()) <= set("0123456789abcdef")
    if not is_key and not 8 <= len(passphrase.encode(errors="replace")) <= 63:
        raise SettingError(PASSPHRASE)


def _forget(here: Services, values: Values) -> bool:
    here.wifi.forget(values.get("ssid", ""))
    return False


def _country(here: Services, values: Values) -> bool:
    country = values.get("country", "")
    if country != WORLD and country not in texts.countries("en"):
        raise SettingError("There is no such country.")
    here.wifi.set_country(country)
    note("wifi-country-chosen", country=country)
    return False


def _hotspot(here: Services, values: Values) -> bool:
    here.wifi.hotspot()
    note("hotspot-opened")
    return False


def _wifi(here: Services, values: Values) -> bool:
    if here.wifi.state().phase != "online":
        raise Conflict("The camera is not connected to a network yet.")
    return True


def _time(here: Services, values: Values) -> bool:
    zone = values.get("time_zone", "")
    if zone not in zones() and zone not in available_timezones():
        raise SettingError("There is no such time zone.")
    setting_rows.take({"time_zone": zone})
    try:
        set_time_zone(zone)
    except MissingPart as error:  # the pages show its times all the same
        log.info("the machine keeps its time zone", extra={"trouble": str(error)})
    return True


def _ask_portal(here: Services, values: Values) -> bool:
    pairing.ask_portal(values.get("portal", "").strip())
    return False


def _accept(here: Services, values: Values) -> bool:
    pairing.accept_owner(values.get("owner", ""))
    return True


def _refuse(here: Services, values: Values) -> bool:
    here.link.give_up()
    return False


def _tunnel(here: Services, values: Values) -> bool:
    wanted = {"tunnel": values.get("tunnel", ""), "tunnel_host": values.get("tunnel_host", "").strip().lower()}
    setting_rows.take({name: value for name, value in wanted.items() if value or name == "tunnel"})
    return True


def _choose(here: Services, values: Values) -> bool:
    choose_main(values.get("camera", "").strip() or None)
    return False


def _updates(here: Services, values: Values) -> bool:
    wanted = values.get("updates", "")
    if wanted not in ("", "on", "off"):
        raise SettingError("This step cannot be answered so.")
    if wanted and here.settings.set_by("updates") != "environment":
        setting_rows.take({"updates": wanted == "on"})
    return True


def _seen(here: Services, values: Values) -> bool:
    return True


ANSWERS: dict[tuple[Step, str], Answer] = {
    ("language", "done"): _language,
    ("owner", "done"): _owner,
    ("wifi", "join"): _join,
    ("wifi", "forget"): _forget,
    ("wifi", "hotspot"): _hotspot,
    ("wifi", "country"): _country,
    ("wifi", "done"): _wifi,
    ("camera", "choose"): _choose,
    ("camera", "done"): _seen,
    ("time", "done"): _time,
    ("remote", "ask"): _ask_portal,
    ("remote", "accept"): _accept,
    ("remote", "refuse"): _refuse,
    ("remote", "tunnel"): _tunnel,
    ("remote", "done"): _seen,
    ("updates", "done"): _updates,
}
ACTIONS = tuple(sorted({action for _, action in ANSWERS} | {"skip"}))
