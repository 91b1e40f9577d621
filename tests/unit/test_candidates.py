"""Where a viewer may make the camera send packets to."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.transport.candidates import MAX_CANDIDATES, is_usable, without_unusable
from tests.unit.real_offer import VIDEO


def candidate(host: str, port: str = "54321", transport: str = "udp", component: str = "1") -> str:
    return f"candidate:1 {component} {transport} 2113937151 {host} {port} typ host generation 0"


@pytest.mark.parametrize("host", ["192.0.2.7", "10.0.0.3", "192.168.1.9", "2001:db8::7", "fd99::1", "100.64.3.2"])
def test_other_machines_are_used(host: str) -> None:
    assert is_usable(candidate(host))
    assert is_usable("a=" + candidate(host))


@pytest.mark.parametrize(
    "line",
    [
        candidate("0b1c.local"),
        candidate("0B1C.LOCAL"),
        candidate("127.0.0.1"),
        candidate("127.8.8.8"),
        candidate("::1"),
        candidate("::ffff:127.0.0.1"),
        candidate("0.0.0.0"),
        candidate("::"),
        candidate("224.0.0.251"),
        candidate("ff02::fb"),
        candidate("255.255.255.255"),
        candidate("169.254.169.254"),
        candidate("::ffff:169.254.169.254"),
        candidate("192.0.2.7", port="9", transport="tcp"),
        candidate("192.0.2.7", port="0"),
    ],
)
def test_these_are_left_out(line: str) -> None:
    assert not is_usable(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "candidate:",
        candidate("192.0.2.7", port="99999999"),
        candidate("192.0.2.7", port="65536"),
        candidate("192.0.2.7", port="-1"),
        candidate("192.0.2.7", component="0"),
        candidate("192.0.2.7", component="257"),
        candidate("camera.example"),
        candidate("192.0.2"),
        candidate("1e1.1.1.1"),
        candidate("192.0.2.7 1"),
        candidate("192.0.2.7") + "\x00",
    ],
)
def test_these_make_no_sense(line: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        is_usable(line)
    assert without_unusable(["a=" + line]) in ([], ["a="])


@given(st.text(max_size=200))
def test_whatever_is_written_is_judged(text: str) -> None:
    with contextlib.suppress(ValueError):
        is_usable("candidate:" + text)


def test_only_so_many_are_kept_and_all_else_stays() -> None:
    lines = VIDEO.splitlines() + ["a=" + candidate(f"10.0.{number}.1") for number in range(200)]
    kept = without_unusable(lines)
    assert sum("candidate:" in line for line in kept) == MAX_CANDIDATES
    assert [line for line in kept if "candidate" not in line] == [line for line in lines if "candidate" not in line]
