"""The customisation file: what is good in it is used, and no file whatever makes an error."""

from __future__ import annotations

import configparser
import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam import durable
from pi_cam.keeping.reset import MACHINE, MARK
from pi_cam.keeping.settling import settle
from pi_cam.setup_wizard import first_boot
from pi_cam.setup_wizard.customisation import BYTES_MAX, Customisation, Wlan, parse
from pi_cam.setup_wizard.network_profiles import home
from pi_cam.setup_wizard.wifi_wishes import Wish

GOOD = b"""
config_version = 1
[system]
hostname = "Salon"
[wlan]
ssid = "Chez nous"
password = "eight or more"
password_encrypted = false
hidden = true
country = "FR"
[locale]
keymap = "fr"
timezone = "Europe/Paris"
[pi-cam]
setup_code = "abcd-2345"
"""


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """The root of a machine that starts for the first time."""
    return made(tmp_path)


def made(tmp_path: Path) -> Path:
    for folder in (
        "boot/firmware",
        "data",
        "etc/NetworkManager/system-connections",
        "var/lib/pi-cam",
        "usr/share/zoneinfo/Europe",
    ):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "usr/share/zoneinfo/Europe/Paris").write_bytes(b"TZif2")
    return tmp_path


def toml_text(text: str) -> str:
    """A string of TOML, whatever is in it."""
    return '"' + "".join(f"\\U{ord(letter):08x}" for letter in text) + '"'


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=70)


def test_what_imager_writes_is_understood() -> None:
    wlan = Wlan("Chez nous", "eight or more", hidden=True)
    assert parse(GOOD) == Customisation("salon", wlan, "FR", "Europe/Paris", "ABCD-2345")
    assert parse(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n")) == parse(GOOD)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\xfe", "no TOML"),
        (b"[wlan", "no TOML"),
        (b"a = " + b"[" * 5000, "no TOML"),
        (b"#" * (BYTES_MAX + 1), "too large"),
        (b"wlan = 3", '"wlan" has to be a section'),
        (b"[system]\nhostname = '../../etc'", "name of the device"),
        (b"[system]\nhostname = 'a\\u0022; reboot'", "name of the device"),
        (b"[system]\nhostname = 3", "name of the device"),
        (b"[system]\nhostname = '-a'", "name of the device"),
        (b"[wlan]\nssid = 'a'\npassword = 'short'", "8 to 63"),
        ('[wlan]\nssid = "a"\npassword = "huit caractères"'.encode(), "8 to 63"),
        (b"[wlan]\nssid = 'a'\npassword = \"12345678\\nkey-mgmt=none\"", "8 to 63"),
        (b"[wlan]\nssid = 'a name of more than thirty-two bytes'", "32 bytes"),
        (b"[wlan]\nssid = ['a']", "32 bytes"),
        (b"[wlan]\ncountry = 'FRA'", "two letters"),
        (b"[locale]\ntimezone = '../../../etc/shadow'", "time zone"),
        (b"[pi-cam]\nsetup_code = 'OOOO-0000'", "eight letters"),
        (b"[user]\nname = 'pi'", "no SSH"),
        (b'["cam\\u001bera"]\na = 1', 'section "cam?era"'),
        (b"[wlan]\npassphrase = 'a'", '"wlan.passphrase" is not known'),
    ],
)
def test_what_makes_no_sense_is_told_in_both_languages_and_not_used(data: bytes, said: str) -> None:
    found = parse(data)
    assert any(said in english for _, english in found.complaints), found.complaints
    assert all(french and french != english for french, english in found.complaints)
    assert Customisation() == Customisation(found.hostname, found.wlan, found.country, found.timezone, found.setup_code)


def test_one_bad_thing_takes_no_good_one_with_it() -> None:
    found = parse(GOOD.replace(b'"Salon"', b'"no name"'))
    assert found.hostname is None
    assert found.wlan is not None
    assert len(found.complaints) == 1


@given(st.binary(max_size=400))
def test_any_bytes_are_survived(data: bytes) -> None:
    parse(data)


@given(texts, texts, texts, texts, texts)
def test_any_texts_are_survived_and_none_gets_through_that_could_be_a_command(
    name: str, ssid: str, password: str, zone: str, code: str
) -> None:
    lines = ["[system]", f"hostname = {toml_text(name)}", "[wlan]", f"ssid = {toml_text(ssid)}"]
    lines += [f"password = {toml_text(password)}", "[locale]", f"timezone = {toml_text(zone)}"]
    found = parse("\n".join([*lines, "[pi-cam]", f"setup_code = {toml_text(code)}"]).encode())
    assert found.hostname is None or found.hostname.replace("-", "").isalnum()
    assert found.timezone is None or ".." not in found.timezone
    for sentences in found.complaints:
        assert all(sentence.isprintable() for sentence in sentences)


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63),
)
def test_the_network_is_written_as_it_was_meant(ssid: str, passphrase: str) -> None:
    """Read back as GLib reads it: a line each, and the backslash is the only letter with a meaning."""
    read = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#",), strict=True)
    read.read_string(first_boot.keyfile(Wlan(ssid, passphrase)))
    assert bytes(int(byte) for byte in read["wifi"]["ssid"].split(";") if byte).decode() == ssid
    told = read["wifi-security"]["psk"]
    plain = told.replace("\\\\", "\0").replace("\\s", " ").replace("\0", "\\")
    assert plain == passphrase.rstrip(" ") or plain == passphrase
    assert set(read.sections()) == {"connection", "wifi", "wifi-security", "ipv4", "ipv6"}


def test_the_network_is_kept_as_one_that_the_wizard_joined() -> None:
    """After a power cut the router may be slow, and pictures stutter where the radio sleeps."""
    read = configparser.RawConfigParser(delimiters=("=",))
    read.read_string(first_boot.keyfile(Wlan("Home", "12345678")))
    profile = home(Wish(b"Home", "12345678", False, "wpa-psk"))
    said = {
        (section.replace("802-11-wireless", "wifi"), name): str(value.value)
        for section, values in profile.items()
        for name, value in values.items()
        if name not in ("id", "uuid", "type", "ssid", "hidden")
    }
    assert said == {(section, name): read.get(section, name, fallback="") for section, name in said}
    for section, name, value in (
        ("wifi", "powersave", "2"),
        ("connection", "autoconnect-retries", "0"),
        ("ipv4", "dhcp-timeout", "30"),
    ):
        assert read[section][name] == value


def test_it_is_done_once_and_the_file_is_gone(card: Path) -> None:
    (card / "boot/firmware/rpi-preseed.toml").write_bytes(GOOD)
    assert first_boot.main(card) == 0
    assert not list((card / "boot/firmware").iterdir())
    assert (card / "data/etc/hostname").read_text("ascii") == (card / "etc/hostname").read_text("ascii") == "salon\n"
    assert (card / "data/etc/timezone").read_text("ascii") == "Europe/Paris\n"
    assert (card / "data/etc/wifi-country").read_text("ascii") == "FR\n"
    assert (card / "etc/localtime").readlink() == Path("/usr/share/zoneinfo/Europe/Paris")
    network = card / "etc/NetworkManager/system-connections/home.nmconnection"
    assert "psk=eight or more\n" in network.read_text("ascii")
    assert network.stat().st_mode & 0o777 == 0o600
    assert (card / "var/lib/pi-cam/setup-code").read_text("ascii") == "ABCD-2345\n"
    assert not (card / "data/first-boot.txt").exists()


@pytest.mark.parametrize("name", ["reset", "reset.txt"])
def test_whoever_holds_the_card_has_it_forget_everything(card: Path, name: str) -> None:
    data = card / "var/lib/pi-cam"
    (data / "pi-cam.db").write_bytes(b"somebody")
    (data / "secret.key").write_bytes(bytes(32))
    (data / MARK).symlink_to(card / "etc/shadow")  # planted: nothing is written through it
    (card / "boot/firmware" / name).touch()
    (card / "boot/firmware/custom.toml").write_bytes(GOOD)
    assert first_boot.main(card) == 0
    assert [path.name for path in (card / "boot/firmware").iterdir()] == ["custom.toml"]  # for the start after
    assert not (card / "etc/shadow").exists()
    assert (data / MARK).stat().st_mode & 0o777 == 0o600
    settle(data)  # as the start of the camera does
    assert sorted(path.name for path in data.iterdir()) == [MACHINE, "occupied"]  # and root's part does the rest
    assert first_boot.main(card) == 0
    assert not (data / MARK).exists()
    assert (card / "data/etc/hostname").read_text("ascii") == "salon\n"


def test_it_forgets_nothing_where_the_file_cannot_be_taken_away(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (card / "boot/firmware/reset").touch()

    real = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == "reset":
            raise OSError(errno.EROFS, "Read-only file system")
        real(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        assert first_boot.main(card) == 0
    assert not (card / "var/lib/pi-cam" / MARK).exists()
    assert "The camera could not be reset (Read-only file system)." in (card / "data/first-boot.txt").read_text("utf-8")


class Cut(BaseException):
    """The supply is gone."""


def cut_at(monkeypatch: pytest.MonkeyPatch, number: int, after: bool) -> Callable[[], int]:
    """Ends the program at the so-manieth thing that reaches the disk, just before or after it; how many there were."""
    done = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **more: object) -> object:
            nonlocal done
            done += 1
            if done == number and not after:
                raise Cut
            found = real(*arguments, **more)
            if done == number:
                raise Cut
            return found

        return call

    for owner, name in ((os, "replace"), (os, "fsync"), (Path, "unlink")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    return lambda: done


@pytest.mark.parametrize("after", [False, True])
def test_a_cut_at_any_step_is_made_good_and_leaves_nothing_to_read(
    tmp_path_factory: pytest.TempPathFactory, after: bool
) -> None:
    number, steps = 0, 1
    while number < steps:
        number += 1
        card = made(tmp_path_factory.mktemp("card"))
        file = card / "boot/firmware/rpi-preseed.toml"
        file.write_bytes(GOOD)
        with pytest.MonkeyPatch.context() as patch:
            count = cut_at(patch, number, after)
            with contextlib.suppress(Cut):
                first_boot.main(card)
            steps = max(steps, count() + 1 if count() == number else count())
        put_away = not file.exists()
        if put_away:  # its wishes are done: what a person chooses from now on stays
            (card / "data/etc/hostname").write_text("chosen\n")
        else:
            assert file.read_bytes() == GOOD, number
        assert first_boot.main(card) == 0
        assert not list((card / "boot/firmware").iterdir()), number
        assert (card / "data/etc/hostname").read_text("ascii") == ("chosen\n" if put_away else "salon\n")
        assert not (card / "data/first-boot.txt").exists(), number
    assert steps > 12


def test_a_partition_that_takes_no_new_name_is_wiped_all_the_same(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (card / "boot/firmware/custom.toml").write_bytes(GOOD)

    def full(old: Path, new: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(durable, "rename", full)
    assert first_boot.main(card) == 0
    assert not list((card / "boot/firmware").iterdir())


def test_what_went_wrong_is_kept_for_the_person(card: Path) -> None:
    bad = GOOD.replace(b"Europe/Paris", b"Europe/Atlantis").replace(b'"Salon"', b'"a b"')
    (card / "boot/firmware/custom.toml").write_bytes(bad)
    assert first_boot.main(card) == 0
    told = (card / "data/first-boot.txt").read_text("utf-8").splitlines()
    assert "Le fuseau horaire n’existe pas." in told
    assert "The time zone does not exist." in told
    assert len(told) == 4


@pytest.mark.parametrize("name", ["firstrun.sh", "user-data", "network-config", "wpa_supplicant.conf"])
def test_what_is_for_other_systems_is_erased_and_told(card: Path, name: str) -> None:
    """In each of them a Wi-Fi password can stand, which anybody reads who has the card for a moment."""
    boot = card / "boot/firmware"
    (boot / name).write_bytes(b"psk=a password")
    (boot / f"{name}{first_boot.DONE}").write_bytes(b"psk=of one that was cut off")
    os.link(boot / name, card / "other-name")
    (boot / "rpi-preseed.toml").write_bytes(GOOD)
    assert first_boot.main(card) == 0
    assert not list(boot.iterdir())
    assert (card / "other-name").read_bytes() == bytes(14), "its cells were written over"
    assert (card / "data/etc/hostname").read_text("ascii") == "salon\n"
    french, english = (card / "data/first-boot.txt").read_text("utf-8").splitlines()
    assert french.startswith(f"Le fichier « {name} » est pour d’autres systèmes")
    assert english.startswith(f'The file "{name}" is for other systems')


def test_what_is_for_other_systems_is_told_after_a_reset(card: Path) -> None:
    (card / "boot/firmware/reset").touch()
    (card / "boot/firmware/firstrun.sh").touch()
    assert first_boot.main(card) == 0
    assert [path.name for path in (card / "boot/firmware").iterdir()] == ["firstrun.sh"]
    settle(card / "var/lib/pi-cam")
    assert first_boot.main(card) == 0
    assert not list((card / "boot/firmware").iterdir())
    assert "firstrun.sh" in (card / "data/first-boot.txt").read_text("utf-8")


def test_a_code_for_a_camera_that_has_run_is_told_to_count_only_without_an_owner(card: Path) -> None:
    """The camera removes it where there is one (`test_setup_notice.py`); who started it once without becoming its owner has
    the code that was chosen."""
    (card / "var/lib/pi-cam/pi-cam.db").touch()
    (card / "boot/firmware/rpi-preseed.toml").write_bytes(GOOD)
    assert first_boot.main(card) == 0
    assert (card / "var/lib/pi-cam/setup-code").read_text("ascii") == "ABCD-2345\n"
    assert "The setup code counts only while the camera has no owner." in (card / "data/first-boot.txt").read_text(
        "utf-8"
    )


def test_the_code_is_written_through_no_link(card: Path) -> None:
    """What the camera's user put into its own folder before leads root nowhere."""
    victim = card / "etc/shadow"
    victim.write_text("root:!*:::\n", "ascii")
    (card / "var/lib/pi-cam/.setup-code.new").symlink_to(victim)
    if os.geteuid() == 0:
        os.chown(card / "var/lib/pi-cam", 65534, 65534)
    (card / "boot/firmware/rpi-preseed.toml").write_bytes(GOOD)
    assert first_boot.main(card) == 0
    assert victim.read_text("ascii") == "root:!*:::\n"
    assert victim.stat().st_uid == os.geteuid()
    code = card / "var/lib/pi-cam/setup-code"
    assert not code.is_symlink()
    assert code.stat().st_uid == (card / "var/lib/pi-cam").stat().st_uid
    assert code.stat().st_mode & 0o777 == 0o600


def test_a_full_card_is_told_and_not_fatal(card: Path) -> None:
    (card / "etc/NetworkManager/system-connections").rmdir()
    (card / "boot/firmware/rpi-preseed.toml").write_bytes(GOOD)
    assert first_boot.main(card) == 0
    assert "The Wi-Fi network could not be written" in (card / "data/first-boot.txt").read_text("utf-8")
    assert (card / "data/etc/hostname").exists()
