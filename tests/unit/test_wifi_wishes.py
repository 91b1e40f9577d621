"""Names and passwords from outside, and what NetworkManager is told of them."""

from __future__ import annotations

import pytest
from dbus_fast import Message, Variant
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.setup_wizard import network_profiles as profiles
from pi_cam.setup_wizard import wifi_wishes as wishes
from pi_cam.setup_wizard.wifi import Security, WifiError
from pi_cam.setup_wizard.wifi_wishes import Found, Wish, rows, wish

ODD = [
    'it\'s "home"',
    "$(reboot)",
    "`id`",
    "two\nlines",
    "🏠📷",
    "-rf",
    "a;b&c|d",
    "<b>bold</b>",
    " space ",
    "\u202eevil",
]
SCAN = [
    Found(b"Home", 70, "wpa"),
    Found(b"Home", 30, "wpa"),
    Found(b"caf\xe9", 50, "wpa"),
    Found(b"Guests", 40, "open", "none"),
    Found(b"Encrypted", 40, "open", "owe"),
    Found(b"Old", 20, "wep", "none"),
    Found(b"Office", 20, "enterprise", "wpa-eap"),
]


GOOD = "a good password"


def asked(ssid: str, passphrase: str | None = GOOD, *, hidden: bool = False) -> Wish:
    return wish(ssid, passphrase, hidden=hidden, scan=SCAN, known=[b"Known"])


@pytest.mark.parametrize("ssid", ODD)
def test_odd_names_are_names(ssid: str) -> None:
    one = asked(ssid)
    assert one.ssid == ssid.encode()
    assert sent(profiles.home(one)) > 0


def test_a_name_that_is_no_utf8_is_found_by_what_is_shown() -> None:
    assert asked("caf\N{REPLACEMENT CHARACTER}").ssid == b"caf\xe9"


@pytest.mark.parametrize("ssid", ["", "\0", "\ud800"])
def test_no_name(ssid: str) -> None:
    with pytest.raises(WifiError, match="has a name"):
        asked(ssid)


def test_32_bytes_and_not_33() -> None:
    assert asked("é" * 16).ssid == ("é" * 16).encode()
    with pytest.raises(WifiError, match="32 bytes"):
        asked("é" * 16 + "x")


@pytest.mark.parametrize(("ssid", "sentence"), [("Old", wishes.WEP), ("Office", wishes.ENTERPRISE)])
def test_what_it_does_not_speak_has_a_clear_answer(ssid: str, sentence: str) -> None:
    with pytest.raises(WifiError) as caught:
        asked(ssid)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("passphrase", ["short", "x" * 64, "mot de passé", "line\nbreak", "nul\0nulnul", "g" * 64])
def test_passwords_that_none_can_be(passphrase: str) -> None:
    with pytest.raises(WifiError) as caught:
        asked("Home", passphrase)
    assert str(caught.value) == wishes.WRONG_LENGTH
    assert passphrase not in str(caught.value)


@pytest.mark.parametrize("passphrase", ["8 signs!", "x" * 63, "$(id) \"'`\\", "0123456789abcdefABCDEF" * 2 + "0" * 20])
def test_passwords_that_can(passphrase: str) -> None:
    assert asked("Home", passphrase).passphrase == passphrase
    assert passphrase not in repr(asked("Home", passphrase))


def test_an_open_network_wants_none_and_another_does() -> None:
    assert asked("Guests", None) == Wish(b"Guests", None, False, "none")
    assert asked("Encrypted", None).key_management == "owe"
    with pytest.raises(WifiError, match="asks for a password"):
        asked("Home", "")


@pytest.mark.parametrize("twin", [Found(b"Home", 99, "open", "none"), Found(b"Home", 99, "wep", "none")])
def test_a_stronger_twin_of_the_home_takes_no_place_and_no_password(twin: Found) -> None:
    """Anybody can announce its name."""
    scan = [twin, *SCAN]
    assert [(one.security, one.signal) for one in rows(scan, []) if one.ssid == "Home"] == [("wpa", 70)]
    assert wish("Home", GOOD, hidden=False, scan=scan, known=[]) == Wish(b"Home", GOOD, False, "wpa-psk")
    assert wish("Home", None, hidden=False, scan=scan, known=[b"Home"]) == Wish(b"Home", None, False, "wpa-psk")
    with pytest.raises(WifiError, match="asks for a password"):
        wish("Home", None, hidden=False, scan=scan, known=[])


def test_a_password_goes_to_no_open_network() -> None:
    """The home is off, or out of reach: only the twin is heard."""
    for name in ("Guests", "Encrypted"):
        with pytest.raises(WifiError, match="open"):
            asked(name, GOOD)


def test_a_known_network_that_is_not_heard_is_joined_with_its_password() -> None:
    assert asked("Known", None) == Wish(b"Known", None, False, "wpa-psk")
    assert asked("Unheard", None, hidden=True) == Wish(b"Unheard", None, True, "none")


def test_rows_are_the_strongest_of_each_name() -> None:
    found = rows(SCAN, [b"caf\xe9"])
    assert [(one.ssid, one.signal, one.known) for one in found][:2] == [("Home", 70, False), ("caf�", 50, True)]
    assert len(found) == 6


@given(st.text(), st.none() | st.text(), st.booleans())
def test_any_text_is_a_wish_or_a_sentence(ssid: str, passphrase: str | None, hidden: bool) -> None:
    try:
        one = asked(ssid, passphrase, hidden=hidden)
    except WifiError:
        return
    assert 1 <= len(one.ssid) <= wishes.SSID_BYTES
    assert sent(profiles.home(one)) > 0


def point(ssid: bytes, strength: int, flags: int, wpa: int, rsn: int) -> dict[str, Variant]:
    numbers = {"Flags": flags, "WpaFlags": wpa, "RsnFlags": rsn}
    said = {name: Variant("u", number) for name, number in numbers.items()}
    return said | {"Ssid": Variant("ay", ssid), "Strength": Variant("y", strength)}


@given(st.binary(min_size=1, max_size=32), st.integers(0, 255), *[st.integers(0, 0xFFFF)] * 3)
def test_any_access_point_is_a_row(ssid: bytes, strength: int, flags: int, wpa: int, rsn: int) -> None:
    found = profiles.found(point(ssid, strength, flags, wpa, rsn))
    assert (found is None) == (not ssid.strip(b"\0"))
    if found is not None:
        (row,) = rows([found], [])
        assert 0 <= row.signal <= 100
        row.ssid.encode()


@pytest.mark.parametrize(
    ("flags", "privacy", "security", "key_management"),
    [
        (0, False, "open", "none"),
        (0, True, "wep", "none"),
        (0x188, True, "wpa", "wpa-psk"),
        (0x488, True, "wpa", "sae"),
        (0x588, True, "wpa", "wpa-psk"),
        (0x288, True, "enterprise", "wpa-eap"),
        (0x888, True, "open", "owe"),
    ],
)
def test_kinds_of_protection(flags: int, privacy: bool, security: Security, key_management: str) -> None:
    found = profiles.found(point(b"x", 1, int(privacy), 0, flags))
    assert found is not None
    assert (found.security, found.key_management) == (security, key_management)


def test_reasons() -> None:
    assert profiles.reason(7, secret=True) == "wrong_password"
    assert profiles.reason(7, secret=False) == "failed"
    assert profiles.reason(53, secret=True) == "not_found"
    assert {profiles.reason(code, secret=True) for code in (5, 15, 16, 17)} == {"no_address"}


@pytest.mark.parametrize("passphrase", [None, "a good password"])
def test_the_hotspot_is_one_that_a_raspberry_pi_can_be(passphrase: str | None) -> None:
    profile = profiles.hotspot("Camera-ABCD", passphrase)
    assert (profiles.SECURITY in profile) == (passphrase is not None)
    assert passphrase is None or profile[profiles.SECURITY]["pmf"].value == 1
    assert not profile["connection"]["autoconnect"].value
    assert sent(profile) > 0


def sent(profile: profiles.Profile) -> int:
    """Its length as a message: D-Bus takes it."""
    whole = Message(destination="a.b", path="/", interface="a.b", member="M", signature="a{sa{sv}}", body=[profile])
    return len(whole._marshall(False))
