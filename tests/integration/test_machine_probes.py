"""What the doctor says about clock, memory, power and network."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pi_cam.control.findings import Place
from pi_cam.trust.authority import RELEASED
from pi_cam.trust.certificates import Certificates
from tests.looking import NETWORK, doctor, looked_at, meminfo, networked, only, program


def test_a_machine_in_order(place: Place) -> None:
    lines = looked_at(place)
    needed = set(lines) - {"camera", "sound", "network"}  # the tests' own network leads nowhere
    assert needed == {
        *("encoder", "webrtc", "time", "data", "disk", "memory"),
        *("certificates", "privileges", "key", "settings", "journal", "database"),
    }
    assert all(one["level"] == "ok" for name in needed for one in lines[name])
    assert "(6)" in lines["journal"][0]["text"]
    authority = Certificates(place.folder, "x").fingerprint()
    assert authority in lines["certificates"][1]["text"]


@pytest.mark.parametrize(
    ("clock", "said"),
    [
        (0.0, "it shows 1970-01-01"),
        (RELEASED.timestamp() - 86_400, "The clock is wrong"),
        (2.6e9, "it shows 2052"),
        (1e20, "The clock shows a time that cannot be."),
    ],
)
def test_clock_that_is_wrong(place: Place, clock: float, said: str) -> None:
    """The line of the certificates may change with it: what ended by 2052 has ended."""
    before, after = looked_at(place), looked_at(replace(place, now=lambda: clock))
    assert before["time"][0]["level"] == "ok"
    assert (after["time"][0]["level"], said in after["time"][0]["text"]) == ("missing", True)
    changed = {name for name in before if before[name] != after[name]} - {"memory", "disk"}  # those move by themselves
    assert changed in ({"time"}, {"time", "certificates"})


def test_the_clock_can_be_set_as_the_doctor_says(place: Place) -> None:
    remedy = looked_at(replace(place, now=lambda: 0.0))["time"][0]["remedy"]
    example = re.search(r'sudo date --set="(.+)"$', remedy)
    assert example
    subprocess.run(["date", "--date", example[1]], check=True, capture_output=True)


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


def test_memory_of_the_camera_on_a_raspberry_pi(pi: Place) -> None:
    before = looked_at(pi)
    assert before["memory"][1]["text"] == "200 MB of the 256 MB that cameras can use are free."
    contiguous(pi, whole=32, free=32)
    found = only("memory", before, looked_at(pi))[1]
    assert "cma-128" in found["remedy"]


def test_that_memory_is_used_by_a_camera_that_is_open(pi: Place) -> None:
    """Or by something else, which is worth a look."""
    before = looked_at(pi)
    contiguous(pi, whole=256, free=2)
    found = only("memory", before, looked_at(pi))[1]
    assert (found["level"], found["text"]) == ("optional", "2 MB of the 256 MB that cameras can use are free.")
    descriptors = pi.root / "proc/4711/fd"
    descriptors.mkdir(parents=True)
    (descriptors / "9").symlink_to("/dev/video0")
    found = looked_at(pi)["memory"][1]
    assert (found["level"], "and one is open" in found["text"]) == ("ok", True)


def contiguous(pi: Place, *, whole: int, free: int) -> None:
    (pi.root / "proc/meminfo").write_text(meminfo(MemTotal=2000, MemAvailable=1500, CmaTotal=whole, CmaFree=free))


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
    whole = doctor(data, prefix=networked(f"{NETWORK} ip route add default via 10.98.0.2;"))
    assert [one["level"] for one in whole["network"]] == ["ok", "ok"]
    assert whole["network"][0]["text"] == "This machine is at 10.98.0.1; it has no IPv6."
    (alone,) = only("network", whole, doctor(data, prefix=networked("")))
    assert alone["text"].startswith("This machine has no address in a home network")
    six = f"{NETWORK} ip address add fd98::1/64 dev v0 nodad; ip route add default via fd98::2;"
    both = doctor(data, prefix=networked(six))
    assert [one["text"] for one in both["network"]] == [
        "This machine is at 10.98.0.1, fd98::1, and has IPv6.",
        "There is a way to other networks.",
    ]


@pytest.mark.parametrize(
    "route",
    [
        "",
        "ip route add unreachable default;",
        "ip -6 route add unreachable default;",
        "ip route add default via 10.98.0.2; ip link set v1 down;",
    ],
    ids=["none", "refused", "refused (IPv6)", "no cable"],
)
def test_no_way_to_other_networks(data: Path, route: str) -> None:
    found = doctor(data, prefix=networked(NETWORK + route))["network"]
    assert [one["level"] for one in found] == ["ok", "optional"]
    assert found[1]["text"].startswith("There is no way to other networks")


def test_an_address_that_no_router_gave(data: Path) -> None:
    own = NETWORK.replace("10.98.0.1/24", "169.254.3.4/16")
    (found,) = doctor(data, prefix=networked(own))["network"]
    said = "This machine gave itself an address (169.254.3.4), since no router gave it one."
    assert (found["level"], found["text"]) == ("optional", said)
