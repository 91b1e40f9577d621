"""What Raspberry Pi Imager wrote beside the system before the first start: a name, the Wi-Fi, the time zone.

The file is input from outside: whoever had the card in their hands may have written anything. It is TOML of a known shape
(Imager's `rpi-preseed.toml`, and its older `custom.toml`); what is good in it is used, and each thing that is not is a
sentence, in French and in English.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

BYTES_MAX = 16 << 10
SSID_BYTES_MAX = 32
"""IEEE 802.11, 9.4.2.2."""

HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""RFC 1123, 2.1: one label."""

PASSPHRASE = re.compile(r"[ -~]{8,63}")
KEY = re.compile(r"[0-9A-Fa-f]{64}")
"""IEEE 802.11, J.4: a passphrase is 8 to 63 printable characters of ASCII; 64 hexadecimal digits are the key itself."""

TIME_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z][A-Za-z0-9_+-]*){0,2}")
COUNTRY = re.compile(r"[A-Z]{2}")
SETUP_CODE = re.compile(r"[A-HJ-NP-Z2-9]{4}-?[A-HJ-NP-Z2-9]{4}")

KNOWN = {
    "config_version": set(),
    "system": {"hostname"},
    "wlan": {"ssid", "password", "password_encrypted", "hidden", "country"},
    "locale": {"timezone", "keymap"},
    "pi-cam": {"setup_code"},
}
ELSEWHERE = {"user", "ssh"}
"""What Imager offers for other systems, and this one does not have."""

Sentence = tuple[str, str]
"""French, English."""


@dataclass(frozen=True, slots=True)
class Wlan:
    """A network to join. `psk`: passphrase or key; None: an open one."""

    ssid: str
    psk: str | None = None
    hidden: bool = False


@dataclass(slots=True)
class Customisation:
    """What was asked for and makes sense; `complaints` says the rest."""

    hostname: str | None = None
    wlan: Wlan | None = None
    country: str | None = None
    timezone: str | None = None
    setup_code: str | None = None
    complaints: list[Sentence] = field(default_factory=list)


def parse(data: bytes) -> Customisation:
    """Never raises, whatever stands in `data`."""
    found = Customisation()
    tables = _tables(data, found)
    for name in tables:
        if name in ELSEWHERE:
            _complain(
                found,
                "Il n’y a ni compte ni SSH sur cette caméra",
                "This camera has no accounts of the system and no SSH",
            )
        elif name not in KNOWN:
            _complain(
                found, f"La section « {_shown(name)} » n’est pas connue", f'The section "{_shown(name)}" is not known'
            )
    found.hostname = _hostname(_table(tables, "system", found), found)
    wlan = _table(tables, "wlan", found)
    found.wlan, found.country = _wlan(wlan, found), _country(wlan, found)
    found.timezone = _timezone(_table(tables, "locale", found), found)
    found.setup_code = _setup_code(_table(tables, "pi-cam", found), found)
    return found


def _tables(data: bytes, found: Customisation) -> dict[str, Any]:
    if len(data) > BYTES_MAX:
        _complain(found, "Le fichier est trop grand", "The file is too large")
        return {}
    try:
        return tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, ValueError):
        _complain(
            found,
            "Le fichier ne peut pas être lu : il n’est pas du TOML",
            "The file cannot be read: it is no TOML",
        )
        return {}


def _table(tables: dict[str, Any], name: str, found: Customisation) -> dict[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        _complain(found, f"« {name} » doit être une section", f'"{name}" has to be a section')
        return {}
    for key in table:
        if key not in KNOWN[name]:
            word = f"{name}.{_shown(key)}"
            _complain(found, f"« {word} » n’est pas connu", f'"{word}" is not known')
    return table


def _text(table: dict[str, Any], key: str) -> str | None:
    value = table.get(key)
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else "\0"


def _hostname(table: dict[str, Any], found: Customisation) -> str | None:
    name = _text(table, "hostname")
    if name is None:
        return None
    if HOSTNAME.fullmatch(name.lower()) is None or name.lower() == "localhost":
        _complain(
            found,
            "Le nom de l’appareil ne peut contenir que des lettres sans accent, des chiffres et des traits d’union",
            "The name of the device may hold letters without accents, digits and hyphens only",
        )
        return None
    return name.lower()


def _wlan(table: dict[str, Any], found: Customisation) -> Wlan | None:
    ssid, psk, hidden = _text(table, "ssid"), _text(table, "password"), table.get("hidden", False)
    if ssid is None:
        return None
    if "\0" in ssid or len(ssid.encode("utf-8", "replace")) > SSID_BYTES_MAX:
        _complain(
            found,
            "Le nom du réseau Wi-Fi a plus de 32 octets, ou n’en est pas un",
            "The name of the Wi-Fi network has more than 32 bytes, or is none",
        )
        return None
    if psk is not None and PASSPHRASE.fullmatch(psk) is None and KEY.fullmatch(psk) is None:
        _complain(
            found,
            "Le mot de passe du Wi-Fi doit avoir de 8 à 63 caractères, sans accents",
            "The Wi-Fi password must have 8 to 63 characters, without accents",
        )
        return None
    return Wlan(ssid, psk, hidden is True)


def _country(table: dict[str, Any], found: Customisation) -> str | None:
    country = _text(table, "country")
    if country is None or COUNTRY.fullmatch(country.upper()):
        return country and country.upper()
    _complain(found, "Le pays du Wi-Fi s’écrit en deux lettres", "The country of the Wi-Fi has two letters")
    return None


def _timezone(table: dict[str, Any], found: Customisation) -> str | None:
    zone = _text(table, "timezone")
    if zone is None or TIME_ZONE.fullmatch(zone):
        return zone
    _complain(found, "Ce fuseau horaire n’existe pas", "There is no such time zone")
    return None


def _setup_code(table: dict[str, Any], found: Customisation) -> str | None:
    code = _text(table, "setup_code")
    if code is None:
        return None
    plain = code.upper().replace("-", "")
    if SETUP_CODE.fullmatch(plain) is None:
        _complain(
            found,
            "Le code de configuration a huit lettres ou chiffres, sans I, O, 0 ni 1",
            "The setup code has eight letters or digits, without I, O, 0 and 1",
        )
        return None
    return f"{plain[:4]}-{plain[4:]}"


def _complain(found: Customisation, french: str, english: str) -> None:
    if (sentence := (f"{french}.", f"{english}.")) not in found.complaints:
        found.complaints.append(sentence)


def _shown(word: str) -> str:
    """As much of it as belongs into a sentence."""
    return "".join(letter if letter.isprintable() else "?" for letter in word[:32])
