"""What NetworkManager is told and says, in its own words (its D-Bus API, nm-settings-nmcli(5)). No D-Bus here."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from dbus_fast import Variant

from pi_cam.setup_wizard.home_network import HOME
from pi_cam.setup_wizard.wifi import Reason, Security
from pi_cam.setup_wizard.wifi_wishes import Found, Wish

Profile = dict[str, dict[str, Variant]]

HOTSPOT_ID = "pi-cam-hotspot"
HOTSPOT_ADDRESS = "10.42.0.1"
HOTSPOT_CHANNEL = 6
WIRELESS, SECURITY = "802-11-wireless", "802-11-wireless-security"

PRIVACY = 0x1
"""NM80211ApFlags."""

PSK, EAP, SAE, OWE, EAP_SUITE_B = 0x100, 0x200, 0x400, 0x800, 0x2000
"""NM80211ApSecurityFlags."""

PMF_OFF = 1
"""The radio of a Raspberry Pi, as a hotspot, fails with protected management frames."""

NO_SECRETS, SSID_NOT_FOUND, NEW_ACTIVATION = 7, 53, 60
_NO_ADDRESS = {5, 6, 15, 16, 17}
"""NMDeviceStateReason: IP configuration not available or expired; DHCP not started, in error, failed."""


def reason(code: int, *, secret: bool) -> Reason:
    """Why a device failed (NMDeviceStateReason). `secret`: the network is protected."""
    if code == NO_SECRETS and secret:
        return "wrong_password"
    if code == SSID_NOT_FOUND:
        return "not_found"
    if code in _NO_ADDRESS:
        return "no_address"
    return "failed"


def found(point: Mapping[str, Variant]) -> Found | None:
    """An access point's properties; None for one that hides its name."""
    ssid = bytes(point["Ssid"].value)
    if not ssid.strip(b"\0"):
        return None
    flags = int(point["WpaFlags"].value) | int(point["RsnFlags"].value)
    security, key_management = _security(flags, bool(point["Flags"].value & PRIVACY))
    return Found(ssid, min(100, int(point["Strength"].value)), security, key_management)


def _security(flags: int, privacy: bool) -> tuple[Security, str]:
    if flags & PSK:
        return "wpa", "wpa-psk"
    if flags & SAE:
        return "wpa", "sae"
    if flags & (EAP | EAP_SUITE_B):
        return "enterprise", "wpa-eap"
    if flags & OWE:
        return "open", "owe"
    return ("wep", "none") if privacy else ("open", "none")


def home(wish: Wish) -> Profile:
    """The profile of a network that a person chose. It is joined again by itself, for as long as it is kept."""
    profile = {section: {name: Variant(*value) for name, value in values.items()} for section, values in HOME.items()}
    profile["connection"] |= {
        "id": Variant("s", "Wi-Fi " + "".join(one if one.isprintable() else "_" for one in wish.name)),
        "uuid": Variant("s", str(uuid.uuid4())),
        "type": Variant("s", WIRELESS),
    }
    profile[WIRELESS] |= {"ssid": Variant("ay", wish.ssid), "hidden": Variant("b", wish.hidden)}
    if wish.key_management != "none":
        profile[SECURITY] = {"key-mgmt": Variant("s", wish.key_management)}
        if wish.passphrase is not None:
            profile[SECURITY]["psk"] = Variant("s", wish.passphrase)
    return profile


def hotspot(ssid: str, passphrase: str | None) -> Profile:
    """The camera's own network: open, or WPA2."""
    profile: Profile = {
        "connection": {
            "id": Variant("s", HOTSPOT_ID),
            "uuid": Variant("s", str(uuid.uuid4())),
            "type": Variant("s", WIRELESS),
            "autoconnect": Variant("b", False),
        },
        WIRELESS: {
            "ssid": Variant("ay", ssid.encode()),
            "mode": Variant("s", "ap"),
            "band": Variant("s", "bg"),
            "channel": Variant("u", HOTSPOT_CHANNEL),
        },
        "ipv4": {
            "method": Variant("s", "shared"),
            "address-data": Variant("aa{sv}", [{"address": Variant("s", HOTSPOT_ADDRESS), "prefix": Variant("u", 24)}]),
        },
        "ipv6": {"method": Variant("s", "disabled")},
    }
    if passphrase is not None:
        profile[SECURITY] = {
            "key-mgmt": Variant("s", "wpa-psk"),
            "psk": Variant("s", passphrase),
            "proto": Variant("as", ["rsn"]),
            "pairwise": Variant("as", ["ccmp"]),
            "group": Variant("as", ["ccmp"]),
            "pmf": Variant("i", PMF_OFF),
        }
    return profile


def ssid_of(profile: Mapping[str, Mapping[str, Any]]) -> bytes | None:
    """The network of a profile that joins one; None for any other."""
    wireless = profile.get(WIRELESS)
    if wireless is None or "ssid" not in wireless:
        return None
    mode = wireless.get("mode")
    return None if mode is not None and mode.value not in ("", "infrastructure") else bytes(wireless["ssid"].value)
