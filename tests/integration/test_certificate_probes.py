"""What the doctor says about certificates, and about who can read what is secret."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pi_cam.control.findings import Place
from pi_cam.trust.authority import issue, key_pem, make_authority
from tests.looking import looked_at, only, secret
from tests.prerequisites import require

DAY = 86_400


@pytest.mark.parametrize(("days", "level"), [(380, "optional"), (800, "missing")])
def test_a_certificate_that_ends(place: Place, days: int, level: str) -> None:
    later = replace(place, now=lambda: time.time() + days * DAY)
    assert only("certificates", looked_at(place), looked_at(later))[0]["level"] == level


def test_a_certificate_that_cannot_be_read(place: Place) -> None:
    before = looked_at(place)
    (place.folder / "tls/device.pem").write_text("nonsense")
    found = only("certificates", before, looked_at(place))
    assert found[0]["text"] == "tls/device.pem cannot be read as a certificate."


def test_the_owners_certificate(place: Place) -> None:
    before, tls = looked_at(place), place.folder / "tls"
    pair = issue(make_authority("x", ["a.example"]), ["a.example"], [], datetime.now(UTC))
    other = issue(make_authority("x", ["a.example"]), ["a.example"], [], datetime.now(UTC))
    secret(tls / "own.crt", pair.pem())
    secret(tls / "own.key", key_pem(other.key))
    found = only("certificates", before, looked_at(place))
    assert found[0]["text"] == "tls/own.crt and tls/own.key do not belong together."
    secret(tls / "own.key", key_pem(pair.key))
    assert looked_at(place)["certificates"][0]["text"].startswith("Your own certificate holds for 39")
    ending = looked_at(replace(place, now=lambda: pair.certificate.not_valid_after_utc.timestamp() - 5 * DAY))
    assert (ending["certificates"][0]["level"], ending["certificates"][0]["text"]) == (
        "optional",
        "Your own certificate holds for 5 days.",
    )


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (396.5, "The device's own certificate ends within two days."),
        (395.5, "The device's own certificate ends within two days."),
        (500, "The device's own certificate ended on "),
    ],
)
def test_the_end_of_a_certificate_is_said_in_words(place: Place, days: float, said: str) -> None:
    (found, _) = looked_at(replace(place, now=lambda: time.time() + (days - 1) * DAY))["certificates"]
    assert found["text"].startswith(said)


def without_key(tls: Path) -> None:
    pem = (tls / "device.pem").read_bytes()
    secret(tls / "device.pem", pem[pem.index(b"-----BEGIN CERTIFICATE") :])


def of_another_authority(tls: Path) -> None:
    authority = make_authority("x", ["a.example"])
    secret(tls / "device.pem", issue(authority, ["a.example"], [], datetime.now(UTC)).pem())


@pytest.mark.parametrize(
    ("harm", "level", "said", "remedy"),
    [
        (lambda tls: (tls / "ca.pem").write_text("garbage"), "missing", "(tls/ca.pem) is damaged.", "trust anew"),
        (lambda tls: (tls / "ca.pem").unlink(), "missing", "(tls/ca.pem) is gone.", "trust anew"),
        (without_key, "optional", "tls/device.pem has no key that belongs to its certificate.", "Start pi-cam again"),
        (of_another_authority, "optional", "was not signed by the authority of this device.", "Start pi-cam again"),
        (lambda tls: (tls / "ca.crt").write_text("garbage"), "optional", "tls/ca.crt is not the", "writes it anew"),
        (lambda tls: secret(tls / "ca.pem.damaged", b"x"), "optional", "tls/ca.pem.damaged.", "/certificate"),
    ],
    ids=["authority damaged", "authority gone", "no key", "another's", "its certificate damaged", "made anew"],
)
def test_what_is_wrong_with_the_devices_own(
    place: Place, harm: Callable[[Path], None], level: str, said: str, remedy: str
) -> None:
    before = looked_at(place)
    harm(place.folder / "tls")
    (found,) = [one for one in only("certificates", before, looked_at(place)) if one["level"] != "ok"]
    assert (found["level"], said in found["text"], remedy in found["remedy"]) == (level, True, True)


@pytest.mark.parametrize(
    "name",
    ["secret.key", "device.key", "pi-cam.db", "pi-cam.good.db", "journal.db", "tls/ca.pem", "tls/served.pem"],
)
def test_a_secret_that_others_can_read(place: Place, name: str) -> None:
    before = looked_at(place)
    (place.folder / name).chmod(0o640)
    found = only("privileges", before, looked_at(place))
    assert (found[0]["level"], found[0]["remedy"]) == ("missing", f"Run: chmod 600 {place.folder / name}")


@pytest.mark.parametrize(("setting", "level"), [("source", "missing"), ("viewers_max", "ok")])
@pytest.mark.parametrize("name", ["settings.json", "settings.previous.json"])
def test_settings_that_hold_a_cameras_password(place: Place, name: str, setting: str, level: str) -> None:
    (place.folder / name).write_text(f'{{"version": 2, "values": {{"{setting}": "rtsp://ada:hidden@10.0.0.1/"}}}}')
    (place.folder / name).chmod(0o644)
    assert looked_at(place)["privileges"][0]["level"] == level


def test_the_command_that_closes_a_file_works_whatever_its_name(place: Place, tmp_path: Path) -> None:
    odd = tmp_path / "Ada's data"
    place.folder.rename(odd)
    (odd / "secret.key").chmod(0o644)
    (found,) = looked_at(replace(place, folder=odd))["privileges"]
    assert shlex.split(found["remedy"].removeprefix("Run: ")) == ["chmod", "600", str(odd / "secret.key")]


def test_a_folder_that_others_can_look_into(place: Place) -> None:
    before = looked_at(place)
    place.folder.chmod(0o755)
    assert only("privileges", before, looked_at(place))[0]["level"] == "missing"


def test_a_service_that_runs_as_root(place: Place) -> None:
    require("root", os.geteuid() == 0)
    service = looked_at(replace(place, environment={"INVOCATION_ID": "x"}))
    assert "runs as root" in only("privileges", looked_at(place), service)[0]["text"]


def test_a_folder_of_another_user(place: Place) -> None:
    require("root", os.geteuid() == 0)
    before = looked_at(place)
    for path in (place.folder, *place.folder.rglob("*")):
        os.chown(path, 1235, 1235)
    (found,) = only("privileges", before, looked_at(place))
    said = f"The folder {place.folder} belongs to 1235, and this runs as root."
    assert (found["level"], found["text"]) == ("optional", said)


def test_files_of_another_user(place: Place) -> None:
    """As `sudo pi-cam` leaves them in the folder of a service, which then cannot read them."""
    require("root", os.geteuid() == 0)
    before = looked_at(place)
    os.chown(place.folder / "pi-cam.db", 1235, 1235)
    (found,) = only("privileges", before, looked_at(place))
    said = f"The folder {place.folder} belongs to root, but what is in it to 1235: pi-cam.db."
    assert (found["level"], found["text"]) == ("missing", said)
    assert found["remedy"] == f"Run: sudo chown -R root {place.folder}"
