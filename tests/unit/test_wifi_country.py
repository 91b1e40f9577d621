"""The country of the radio: the helper's word, and what root's part makes of it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.setup_wizard import country
from pi_cam.setup_wizard.wifi_requests import NOT_UNDERSTOOD
from tests.unit.test_wifi_requests import requests
from web.ui import texts

UNIT = Path(__file__).parents[2] / "deploy/appliance/wifi/pi-cam-country.service"


@pytest.mark.parametrize("word", ["FR", "00", "US"])
def test_a_word_is_left_for_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setattr(country.wish, "__defaults__", (tmp_path / "country",))
    answer = asyncio.run(requests([0]).answer(f'{{"verb": "country", "country": "{word}"}}'.encode()))
    assert answer == {}
    assert (tmp_path / "country").read_text() == f"{word}\n"
    assert (tmp_path / "country").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "words", ['"country": "fr"', '"country": "FRA"', '"country": 1', '"country": "F\\n"', '"x": 1']
)
def test_no_other_word_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.setattr(country.wish, "__defaults__", (tmp_path / "country",))
    answer = asyncio.run(requests([0]).answer(f'{{"verb": "country", {words}}}'.encode()))
    assert answer == {"error": NOT_UNDERSTOOD}
    assert not (tmp_path / "country").exists()


@given(st.binary(max_size=8))
def test_what_root_says_is_believed_when_it_is_a_country(tmp_path_factory: pytest.TempPathFactory, said: bytes) -> None:
    path = tmp_path_factory.mktemp("country") / "country"
    assert country.in_force(path) == country.WORLD
    path.write_bytes(said)
    assert re.fullmatch("[A-Z]{2}|00", country.in_force(path))


class Machine:
    """What the unit runs, over a root of its own, with an `iw` that notes what it was told."""

    def __init__(self, root: Path, *, image: bool) -> None:
        self.root = root
        for name in (
            "run/pi-cam-netd",
            "run/pi-cam-country",
            "var/lib/pi-cam-country",
            "data/etc",
            "etc/pi-cam",
            "bin",
        ):
            (root / name).mkdir(parents=True)
        if image:
            (root / "etc/pi-cam/image").touch()
        self.kept = root / ("data/etc/wifi-country" if image else "var/lib/pi-cam-country/country")
        self.answers(0)
        (found,) = re.findall(r"ExecStart=/bin/sh -c '(.*?)'\n", UNIT.read_text(), re.DOTALL)
        self.script = re.sub(r"/(run|var|data|etc)/", rf"{root}/\1/", found.replace("\\\n", ""))

    def answers(self, status: int) -> None:
        (self.root / "bin/iw").write_text(f'#!/bin/sh\necho "$@" >>{self.root}/told\nexit {status}\n')
        (self.root / "bin/iw").chmod(0o755)

    def run(self) -> tuple[int, list[str]]:
        (self.root / "told").unlink(missing_ok=True)
        environment = {**os.environ, "PATH": f"{self.root}/bin:{os.environ['PATH']}"}
        done = subprocess.run(["/bin/sh", "-c", self.script], env=environment, check=False, timeout=60)
        told = self.root / "told"
        return done.returncode, told.read_text().splitlines() if told.exists() else []

    def in_force(self) -> str:
        return country.in_force(self.root / "run/pi-cam-country/country")


@pytest.mark.parametrize("image", [True, False], ids=["image", "Debian"])
def test_root_tells_the_kernel_and_keeps_it(tmp_path: Path, image: bool) -> None:
    machine = Machine(tmp_path, image=image)
    assert machine.run() == (0, [])  # nobody chose: nothing is assumed
    assert machine.in_force() == "00"
    wish = tmp_path / "run/pi-cam-netd/country"
    wish.write_text("FR\n")
    assert machine.run() == (0, ["reg set FR"])
    assert (machine.kept.read_text(), machine.in_force()) == ("FR\n", "FR")
    wish.unlink()  # the next start
    (tmp_path / "run/pi-cam-country/country").unlink()
    assert machine.run() == (0, ["reg set FR"])
    assert machine.in_force() == "FR"
    wish.write_text("00\n")
    assert machine.run() == (0, ["reg set 00"])
    assert (machine.kept.read_text(), machine.in_force()) == ("00\n", "00")


@pytest.mark.parametrize("word", ["", "fr", "$(reboot)", "F", "\n\n", "../../etc/shadow", "0"])
def test_root_believes_no_other_word(tmp_path: Path, word: str) -> None:
    machine = Machine(tmp_path, image=True)
    (tmp_path / "run/pi-cam-netd/country").write_text(word)
    assert machine.run()[1] == []
    assert not machine.kept.exists()


def test_what_the_kernel_does_not_take_is_not_shown_as_in_force(tmp_path: Path) -> None:
    machine = Machine(tmp_path, image=True)
    machine.answers(1)
    (tmp_path / "run/pi-cam-netd/country").write_text("FR\n")
    assert machine.run() == (1, ["reg set FR"])
    assert machine.in_force() == "00"
    assert not machine.kept.exists()


def test_countries_have_names_in_both_languages() -> None:
    english, french = texts.countries("en"), texts.countries("fr")
    assert (english["DE"], french["DE"]) == ("Germany", "Allemagne")
    assert set(english) == set(french)
    assert 240 < len(english) < 260
    assert not {"EU", "ZZ", "UN"} & set(english)
    assert list(french)[:3] == ["AF", "ZA", "AL"]
