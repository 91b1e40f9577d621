"""Each line of `pi-cam doctor` looks at the real thing: what breaks one part changes that line, and no other."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pi_cam.control.doctor import Checkup, examine
from pi_cam.control.findings import Finding, Place
from pi_cam.journal.actions import Entry
from pi_cam.journal.ledger import Ledger
from pi_cam.store import Store
from pi_cam.transport import webrtc_seam
from pi_cam.trust.authority import RELEASED, issue, key_pem, make_authority
from pi_cam.trust.certificates import Certificates
from pi_cam.trust.device_key import DeviceKey
from tests.prerequisites import require

DAY = 86_400
KERNEL = ("proc/meminfo", "proc/net/route", "proc/net/ipv6_route", "proc/net/if_inet6")
NETWORK = (
    "ip link set lo up; ip link add v0 type veth peer name v1; ip link set v1 up; ip link set v0 up;"
    "ip address add 10.98.0.1/24 dev v0;"
)
Lines = dict[str, list[dict[str, str]]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder as a device that ran for a while leaves it."""
    folder = tmp_path / "data"
    store = Store(folder)
    store.open()
    Certificates(folder, DeviceKey.load(folder).id).renew()
    ledger = Ledger(folder, store.secret())
    ledger.open(time.time())
    ledger.add([Entry(time.time(), "watched", actor="Ada", camera="main") for _ in range(5)])
    return folder


@pytest.fixture
def place(tmp_path: Path, data: Path) -> Place:
    """This machine, with files of its kernel that a test may change, and a clock that follows another."""
    root = tmp_path / "root"
    for name in KERNEL:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(Path("/", name).read_bytes())
    (root / "run/systemd/timesync").mkdir(parents=True)
    (root / "run/systemd/timesync/synchronized").touch()
    return Place(data, webrtc_seam.missing, environment={}, root=root)


def by_name(findings: Iterable[dict[str, str]]) -> Lines:
    """What is not in order comes with a remedy, and nothing else does."""
    lines: Lines = {}
    for finding in findings:
        assert bool(finding["remedy"]) == (finding["level"] != "ok"), finding
        lines.setdefault(finding["name"], []).append(finding)
    return lines


def looked_at(place: Place) -> Lines:
    return by_name(finding.as_dict() for finding in examine(place))


def doctor(folder: Path, *prefix: str, environment: dict[str, str] | None = None) -> Lines:
    """The command itself, its exit status checked."""
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "pi_cam.cli", "doctor", "--json", "--data", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    assert done.returncode in (0, 1), done.stderr
    lines = by_name(json.loads(done.stdout))
    needed = any(one["level"] == "missing" for findings in lines.values() for one in findings)
    assert done.returncode == needed
    return lines


def levels(lines: Lines) -> dict[str, list[str]]:
    return {name: [one["level"] for one in findings] for name, findings in lines.items()}


def only(name: str, before: Lines, after: Lines) -> list[dict[str, str]]:
    """That line, after making sure that it alone has changed."""
    was, now = levels(before), levels(after)
    assert {one for one in was | now if was.get(one) != now.get(one)} == {name}
    return after[name]


def module(tmp_path: Path, name: str, text: str) -> dict[str, str]:
    """An environment in which `import name` finds this."""
    folder = tmp_path / "modules"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    return {"PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"}


def mounted(folder: Path, options: str) -> list[str]:
    """In front of a command: a disk of its own there."""
    prefix = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o {options} tmpfs {folder} && exec "$@"', "sh"]
    require(
        "disks of its own (root)", subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    )
    return prefix


def networked(commands: str) -> list[str]:
    return ["unshare", "-n", "sh", "-c", f'{commands} exec "$@"', "sh"]


def test_a_machine_in_order(place: Place) -> None:
    lines = looked_at(place)
    needed = set(lines) - {"camera", "sound", "network"}  # the tests' own network leads nowhere
    assert needed == {
        *("encoder", "webrtc", "time", "data", "disk", "memory"),
        *("certificates", "privileges", "settings", "journal", "database"),
    }
    assert all(one["level"] == "ok" for name in needed for one in lines[name])
    assert "6 rows" in lines["journal"][0]["text"]
    authority = Certificates(place.folder, "x").fingerprint()
    assert authority in lines["certificates"][1]["text"]


CAMERAS = "class Picamera2:\n    @staticmethod\n    def global_camera_info(): return {}"


def test_camera(tmp_path: Path, data: Path) -> None:
    none = doctor(data, environment=module(tmp_path, "picamera2", CAMERAS.format("[]")))
    one = doctor(data, environment=module(tmp_path, "picamera2", CAMERAS.format("[{'Model': 'imx708', 'Id': 'x'}]")))
    assert only("camera", none, one) == [{"name": "camera", "level": "ok", "text": "Connected: imx708.", "remedy": ""}]
    assert "ribbon" in none["camera"][0]["remedy"]
    gone = doctor(data, environment=module(tmp_path, "picamera2", "raise ImportError('hidden')"))
    assert "apt install python3-picamera2" in only("camera", one, gone)[0]["remedy"]


def test_encoder_without_pyav(tmp_path: Path, data: Path) -> None:
    lines = doctor(data, environment=module(tmp_path, "av", "raise ImportError('hidden')"))
    assert lines["encoder"][0]["text"] == "PyAV cannot be loaded: hidden."
    missing = {name for name, found in levels(lines).items() if "missing" in found}
    assert missing == {"encoder", "webrtc"}  # aiortc needs PyAV, too


def test_webrtc(tmp_path: Path, data: Path, place: Place) -> None:
    hidden = doctor(data, environment=module(tmp_path, "aiortc", "raise ImportError('hidden')"))
    assert only("webrtc", doctor(data), hidden)[0]["text"] == "aiortc cannot be loaded: hidden."
    lacking = looked_at(replace(place, webrtc_lacks=lambda: ["packet history"]))
    assert only("webrtc", looked_at(place), lacking)[0]["text"] == "This release of aiortc lacks: packet history."


DEVICES = """
FOUND = {}
def query_hostapis():
    return [dict(name="ALSA", devices=range(len(FOUND)), default_input_device=-1, default_output_device=-1)]
def query_devices(index):
    name, inputs, outputs = FOUND[index]
    return dict(name=name, max_input_channels=inputs, max_output_channels=outputs, default_samplerate=48000.0)
"""


def test_sound(tmp_path: Path, data: Path) -> None:
    found = "[('mic', 1, 0), ('box', 0, 2), ('set', 1, 1)]"
    both = doctor(data, environment=module(tmp_path, "sounddevice", DEVICES.format(found)))
    named = ["A microphone is there: mic, set.", "A loudspeaker is there: box, set."]
    assert [one["text"] for one in both["sound"]] == named
    deaf = doctor(data, environment=module(tmp_path, "sounddevice", DEVICES.format("[('box', 0, 2)]")))
    assert only("sound", both, deaf)[0]["text"] == "No microphone is connected."
    library = doctor(data, environment=module(tmp_path, "sounddevice", "raise OSError('PortAudio library not found')"))
    assert "libportaudio2" in only("sound", both, library)[0]["remedy"]
    gone = doctor(data, environment=module(tmp_path, "sounddevice", "raise ImportError('hidden')"))
    assert "pi-cam[sound]" in only("sound", both, gone)[0]["remedy"]


@pytest.mark.parametrize(
    ("clock", "said"),
    [(0.0, "it shows 1970-01-01"), (RELEASED.timestamp() - DAY, "wrong"), (2.6e9, "2052"), (1e20, "that cannot be")],
)
def test_clock_that_is_wrong(place: Place, clock: float, said: str) -> None:
    found = only(
        "time", looked_at(place), {**looked_at(place), "time": looked_at(replace(place, now=lambda: clock))["time"]}
    )
    assert (found[0]["level"], said in found[0]["text"]) == ("missing", True)


def test_a_clock_of_1970_changes_its_line_alone(place: Place) -> None:
    only("time", looked_at(place), looked_at(replace(place, now=lambda: 0.0)))


@pytest.mark.parametrize(
    ("answer", "level", "text"),
    [
        ("echo NTPSynchronized=yes", "ok", "The clock follows a time server."),
        ("echo NTPSynchronized=no", "optional", "The clock follows no time server."),
        ("exit 1", "ok", "The clock can be right; whether it follows a time server is not known."),
    ],
)
def test_clock_that_follows_another_or_not(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, level: str, text: str
) -> None:
    (place.root / "run/systemd/timesync/synchronized").unlink()
    program(tmp_path, monkeypatch, "timedatectl", answer)
    (found,) = looked_at(place)["time"]
    assert (found["level"], found["text"]) == (level, text)


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, answer: str) -> None:
    path = tmp_path / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{answer}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    writable, readonly = doctor(disk / "data"), doctor(disk / "data", *mounted(disk, "ro"))
    assert "Read-only file system" in only("data", writable, readonly)[0]["text"]
    (disk / "data").write_text("a file")
    file = doctor(disk / "data")  # of course it holds no settings, either
    assert (file["data"][0]["level"], "it is a file" in file["data"][0]["text"]) == ("missing", True)


def test_a_disk_that_is_nearly_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    found = only("disk", doctor(disk / "data"), doctor(disk / "data", *mounted(disk, "size=6m")))
    assert (found[0]["level"], found[0]["text"]) == ("missing", "6 MB are free on the disk.")


def meminfo(**megabytes: int) -> str:
    return "".join(f"{name}:   {size * 1024} kB\n" for name, size in megabytes.items())


@pytest.mark.parametrize(("free", "level"), [(1000, "ok"), (100, "optional"), (30, "missing")])
def test_memory(place: Place, free: int, level: str) -> None:
    before = looked_at(place)
    (place.root / "proc/meminfo").write_text(meminfo(MemTotal=1024, MemAvailable=free, SwapTotal=100, CmaTotal=16))
    after = looked_at(place)
    assert after["memory"][0]["level"] == level
    assert after["memory"][0]["text"] == f"{free} MB of 1024 MB of memory are free, and 100 MB of swap are there."
    assert len(after["memory"]) == 1
    if level != "ok":
        only("memory", before, after)


@pytest.fixture
def pi(place: Place) -> Place:
    (place.root / "proc/device-tree").mkdir()
    (place.root / "proc/device-tree/model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    (place.root / "proc/meminfo").write_text(meminfo(MemTotal=2000, MemAvailable=1500, CmaTotal=256, CmaFree=200))
    return place


def test_memory_of_the_camera_on_a_raspberry_pi(pi: Place) -> None:
    before = looked_at(pi)
    assert before["memory"][1]["text"] == "200 MB of 256 MB of the camera's own memory (CMA) are free."
    (pi.root / "proc/meminfo").write_text(meminfo(MemTotal=2000, MemAvailable=1500, CmaTotal=32, CmaFree=2))
    assert "cma-128" in only("memory", before, looked_at(pi))[1]["remedy"]


@pytest.mark.parametrize(
    ("answer", "level", "said"),
    [
        ("throttled=0x0", "ok", "strong enough"),
        ("throttled=0x50001", "optional", "The voltage is too low now."),
        ("throttled=0x50000", "optional", "Since the start"),
        ("VCHI initialization failed", "optional", "does not say"),
    ],
)
def test_power_of_a_raspberry_pi(
    pi: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, level: str, said: str
) -> None:
    without = looked_at(pi)
    assert "power" not in without
    program(tmp_path, monkeypatch, "vcgencmd", f"echo '{answer}'")
    (found,) = only("power", without, looked_at(pi))
    assert (found["level"], said in found["text"]) == (level, True)


def test_network(data: Path) -> None:
    whole = doctor(data, *networked(f"{NETWORK} ip route add default via 10.98.0.2;"))
    assert [one["level"] for one in whole["network"]] == ["ok", "ok"]
    assert whole["network"][0]["text"] == "This machine is at 10.98.0.1; it has no IPv6."
    no_way_out = doctor(data, *networked(NETWORK))
    assert only("network", whole, no_way_out)[1]["text"].startswith("There is no way to other networks")
    (alone,) = only("network", whole, doctor(data, *networked("")))
    assert alone["text"].startswith("This machine has no address in a home network")
    six = f"{NETWORK} ip address add fd98::1/64 dev v0 nodad; ip route add default via fd98::2;"
    both = doctor(data, *networked(six))
    assert [one["text"] for one in both["network"]] == [
        "This machine is at 10.98.0.1, fd98::1, and has IPv6.",
        "There is a way to other networks.",
    ]


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


def secret(path: Path, content: bytes) -> None:
    path.touch(0o600)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "name", ["secret.key", "device.key", "pi-cam.db", "journal.db", "tls/ca.pem", "tls/served.pem"]
)
def test_a_secret_that_others_can_read(place: Place, name: str) -> None:
    before = looked_at(place)
    (place.folder / name).chmod(0o640)
    found = only("privileges", before, looked_at(place))
    assert (found[0]["level"], found[0]["remedy"]) == ("missing", f"Run: chmod 600 {place.folder / name}")


def test_a_folder_that_others_can_look_into(place: Place) -> None:
    before = looked_at(place)
    place.folder.chmod(0o755)
    assert only("privileges", before, looked_at(place))[0]["level"] == "missing"


def test_a_service_that_runs_as_root(place: Place) -> None:
    require("root", os.geteuid() == 0)
    service = looked_at(replace(place, environment={"INVOCATION_ID": "x"}))
    assert "runs as root" in only("privileges", looked_at(place), service)[0]["text"]


def test_settings(place: Place) -> None:
    before = looked_at(place)
    secret(place.folder / "settings.json", b"{")
    assert "is not JSON" in only("settings", before, looked_at(place))[0]["text"]
    secret(place.folder / "settings.json", b'{"version": 2, "values": {"viewers_max": 0, "log_level": 7, "colour": 1}}')
    assert [one["level"] for one in looked_at(place)["settings"]] == ["optional"] * 3
    (place.folder / "settings.json").unlink()
    wrong = looked_at(replace(place, environment={"PI_CAM_VIEWERS_MAX": "many"}))
    assert "PI_CAM_VIEWERS_MAX" in only("settings", before, wrong)[0]["text"]


def altered(path: Path, *statements: str) -> None:
    database = sqlite3.connect(path)
    for statement in statements:
        database.execute(statement)
    database.commit()
    database.close()


def test_journal_in_which_a_row_was_altered(place: Place) -> None:
    before = looked_at(place)
    altered(place.folder / "journal.db", "UPDATE rows SET actor = 'Eve' WHERE id = 3")
    found = only("journal", before, looked_at(place))
    assert "3" in found[0]["text"]


def test_journal_without_its_key(place: Place) -> None:
    before = looked_at(place)
    (place.folder / "secret.key").unlink()
    assert only("journal", before, looked_at(place))[0]["level"] == "missing"
    assert not (place.folder / "secret.key").exists()


def test_a_long_journal_is_not_read_through_on_the_page(place: Place) -> None:
    text = looked_at(replace(place, journal_rows_max=5))["journal"][0]["text"]
    assert text == "The journal has 6 rows, which are not read through here; pi-cam journal verify does."
    assert "whole" in looked_at(replace(place, journal_rows_max=6))["journal"][0]["text"]


def scribble(folder: Path) -> None:
    (folder / "pi-cam.db").write_bytes(b"a letter" * 1000)


def newer(folder: Path) -> None:
    altered(folder / "pi-cam.db", "PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("harm", "said", "remedy"),
    [
        (scribble, "The database is damaged: file is not a database.", "last good copy"),
        (newer, "The data folder was written by a newer version of pi-cam.", "Install that version"),
        (lambda folder: (folder / "pi-cam.db").unlink(), "The database is damaged: it is gone.", "last good copy"),
    ],
)
def test_database(place: Place, harm: Callable[[Path], None], said: str, remedy: str) -> None:
    before = looked_at(place)
    harm(place.folder)
    files = sorted(path.name for path in place.folder.iterdir())
    (found,) = only("database", before, looked_at(place))
    assert (found["level"], found["text"], remedy in found["remedy"]) == ("missing", said, True)
    assert sorted(path.name for path in place.folder.iterdir()) == files  # it only looks


def test_what_cannot_be_looked_at_is_said_and_hides_nothing_else(place: Place) -> None:
    before = looked_at(place)
    shutil.rmtree(place.root / "proc")
    shutil.copytree(
        "/proc/net", place.root / "proc/net", ignore=lambda _, names: [n for n in names if n not in str(KERNEL)]
    )
    assert "could not be looked at" in only("memory", before, looked_at(place))[0]["text"]


def test_the_running_device_looks_once_in_five_seconds() -> None:
    looks, clock = [], [0.0]

    def look() -> list[Finding]:
        looks.append(clock[0])
        return [Finding("x", "ok", str(len(looks)))]

    checkup = Checkup(look, lambda: clock[0])
    for second in (0.0, 1.0, 4.9, 5.0, 9.9, 10.1):
        clock[0] = second
        checkup.findings()
    assert looks == [0.0, 5.0, 10.1]
