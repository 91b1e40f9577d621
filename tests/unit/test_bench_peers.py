"""The arithmetic of `make bench-peers`, and the clip that it plays."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pi_cam.media.h264 import split_nal_units
from tests.bench import peer_table, stamped_clip
from tests.bench.peer_table import Look, Measured
from tests.bench.peers import PEERS
from tests.bench.peers.bound import packets_of
from tests.bench.stamped_clip import Picture

KEYFRAME = [b"\x67sps", b"\x68pps", b"\x65" + b"k" * 3000]
OTHER = [b"\x41" + b"p" * 2000]


def look(viewers: int, cpu: float, *, packets: int = 1000, memory: float = 0) -> Look:
    return Look(viewers, cpu, 10.0, packets, 300 * viewers, 0, int(memory * 1e6))


def measured(title: str, *rounds: tuple[float, float], memory: float = 0.0) -> Measured:
    """`rounds`: seconds of processor with one viewer and with eight."""
    pairs = [[look(1, one, memory=10), look(8, eight, memory=10 + 7 * memory)] for one, eight in rounds]
    return Measured(title, "1.0", pairs)


def test_what_an_extra_viewer_costs() -> None:
    found = measured("x", (0.3, 1.0), (0.1, 1.5), memory=0.4)
    assert found.cpu(8) == pytest.approx([1.0, 2.0])
    assert found.memory(8) == pytest.approx([0.4, 0.4])
    assert found.per_packet(8) == pytest.approx([1000.0, 1500.0])
    assert found.cpu(30) == []
    assert found.rounds[0][1].rate == 30.0


def test_ratios_are_taken_round_by_round_and_the_median_counts() -> None:
    found = {
        "ours": measured("pi-cam", (0.0, 0.07), (0.0, 0.13), (0.0, 0.7), memory=0.6),
        "aiortc": measured("aiortc", (0.0, 0.7), (0.0, 0.7), (0.0, 1.4)),
        "janus": measured("Janus", (0.0, 0.7), (0.0, 0.7), (0.0, 0.7)),
        "go2rtc": measured("go2rtc", (0.0, 0.28), (0.0, 0.28), (0.0, 0.28)),
    }
    rows = peer_table.goals(found, 8, 30)
    plain = rows["processor per extra viewer (8), pi-cam over aiortc"]
    assert (plain["value"], plain["spread"], plain["ok"]) == ("0.19", "0.10 to 0.50 of 3", True)
    best = rows["processor per extra viewer (8), pi-cam over the best of the others (go2rtc)"]
    assert (best["value"], best["goal"], best["ok"]) == ("0.46", "≤ 0.35", False)
    assert rows["memory per extra viewer"]["ok"] is False
    assert not any("bound" in name or "(30)" in name or "picture" in name for name in rows)


def test_the_worst_first_picture_has_a_goal_of_its_own() -> None:
    ours = measured("pi-cam", (0.0, 0.7))
    ours.first_pictures, ours.delays = [100.0, 150.0, 600.0], [[10.0, 11.0, 40.0], [14.0]]
    rows = peer_table.goals({"ours": ours}, 8, 30)
    assert (rows["first picture in Chromium"]["value"], rows["first picture in Chromium"]["ok"]) == ("150 ms", True)
    assert (rows["the worst of 3"]["value"], rows["the worst of 3"]["ok"]) == ("600 ms", False)
    assert rows["produced to displayed in Chromium"]["value"] == "12.5 ms"


def test_what_was_not_measured_is_a_dash() -> None:
    lines = peer_table.table({"ours": measured("pi-cam", (0.3, 1.0))}, 8, 30)
    assert lines[2] == "| pi-cam | 1.000 | – | 1000.0 | – | 0.00 | 10 | – | – | ≥ 30.0 |"
    lines = peer_table.table({"ours": measured("pi-cam", (0.3, 1.0))}, 8, 0)
    assert lines[2] == "| pi-cam | 1.000 | 1000.0 | 0.00 | 10 | – | – | ≥ 30.0 |"


def test_a_stamped_picture_says_when_it_left_and_is_else_as_it_was(tmp_path: Path) -> None:
    stamped_clip.write(tmp_path / "plain", [KEYFRAME, OTHER], stamped=False)
    stamped_clip.write(tmp_path / "stamped", [KEYFRAME, OTHER], stamped=True)
    plain, stamped = (stamped_clip.read(tmp_path / name) for name in ("plain", "stamped"))
    assert [(one.keyframe, one.pts) for one in plain] == [(True, 0), (False, 3000)]
    assert [list(split_nal_units(one.data)) for one in plain] == [KEYFRAME, OTHER]
    assert stamped_clip.stamp(plain[0].data, 1.5) == plain[0].data
    units = list(split_nal_units(stamped_clip.stamp(stamped[0].data, 1_795_000_000.25)))
    (sei,) = (unit for unit in units if unit[0] & 0x1F == 6)
    assert sei[3:35] == b"pi-cam-bench-at:" + b"1795000000250000"
    assert [unit for unit in units if unit is not sei] == KEYFRAME


def test_the_lower_bound_sends_our_packets() -> None:
    found = packets_of([Picture(b"".join(b"\x00\x00\x00\x01" + unit for unit in KEYFRAME), keyframe=True)])
    (count,) = struct.unpack_from("H", found)
    lengths, at = [], 2
    for _ in range(count):
        (length,) = struct.unpack_from("H", found, at)
        lengths.append(length)
        at += 2 + length
    assert at == len(found)
    assert count == 4  # the parameter sets together, and three pieces of equal size but the last
    assert lengths[1] == lengths[2] >= lengths[3]


def test_each_row_names_a_peer() -> None:
    from importlib import import_module

    for name, target in PEERS.items():
        module, _, kind = target.partition(":")
        peer = getattr(import_module(f"tests.bench.peers.{module}"), kind)()
        assert peer.name == name
        assert peer.title
        assert isinstance(peer.missing(), str)
