"""Root's part of a reset on an image (image-build/overlay/usr/lib/pi-cam/forget), over a root of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

FORGET = Path(__file__).parents[2] / "image-build/overlay/usr/lib/pi-cam/forget"
WISH = "var/lib/pi-cam/forget-machine"
KEPT = ("data/etc/machine-id", "data/pi-cam/pi-cam.db", "data/system/layer", "data/clock/clock")
FORGOTTEN = (
    "data/NetworkManager/home.nmconnection",
    "data/NetworkManager/a name 'with' signs.nmconnection",
    "data/etc/hostname",
    "data/etc/hostname.new",
    "data/etc/timezone",
    "data/etc/wifi-country",
    "data/first-boot.txt",
)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """The root of a machine, with a `systemctl` that notes what it was told, and what of the networks was left then."""
    for name in (*KEPT, *FORGOTTEN, WISH):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("canary")
    (tmp_path / "bin").mkdir()
    stub = tmp_path / "bin/systemctl"
    stub.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/told; ls {tmp_path}/root/var/lib/pi-cam >>{tmp_path}/told\n')
    stub.chmod(0o755)
    return tmp_path


def forget(card: Path) -> list[str]:
    path = f"{card}/bin:{os.environ['PATH']}"
    subprocess.run([FORGET, str(card / "root")], check=True, env={**os.environ, "PATH": path}, timeout=60)
    told = card / "told"
    return told.read_text().splitlines() if told.exists() else []


def test_what_the_machine_was_told_is_gone_and_it_starts_again(card: Path) -> None:
    os.link(card / "root" / FORGOTTEN[0], card / "other-name")
    told = forget(card)
    assert told == [
        "stop pi-cam-keep.path pi-cam-keep.service pi-cam-overwrite.service",
        "forget-machine",
        "--no-block reboot",
    ]
    root = card / "root"
    assert (root / "data/to-overwrite").exists(), "what was deleted before is for the next start"
    assert [name for name in (*FORGOTTEN, WISH) if (root / name).exists()] == []
    assert [(root / name).read_text() for name in KEPT] == ["canary"] * len(KEPT)
    assert b"canary" not in (card / "other-name").read_bytes(), "the cells of a password were written over"


def test_without_the_wish_nothing_happens(card: Path) -> None:
    (card / "root" / WISH).unlink()
    assert forget(card) == []
    assert not (card / "root/data/to-overwrite").exists()
    assert all((card / "root" / name).exists() for name in FORGOTTEN)


def test_one_that_was_cut_off_is_ended_by_the_next(card: Path) -> None:
    for name in FORGOTTEN[:3]:
        (card / "root" / name).unlink()
    assert forget(card)[-1] == "--no-block reboot"
    assert not (card / "root" / WISH).exists()
