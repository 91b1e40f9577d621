"""The way of a package to root's part, and what is believed of how it went."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pi_cam.errors import Conflict, PiCamError, UpdateRefused
from pi_cam.updates import inbox, maker, trusted
from pi_cam.updates.environment import Environment
from pi_cam.updates.outcome import Outcome
from pi_cam.updates.package import Package
from pi_cam.updates.places import Places, release
from pi_cam.updates.slots import UNFINISHED, FolderSlots

KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A machine that is set up, and trusts `KEY`."""
    for name in ("opt", "kept", "data", "keys"):
        (tmp_path / name).mkdir()
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "keys/own.pem").write_bytes(pem)
    monkeypatch.setattr(trusted.load, "__defaults__", ((tmp_path / "keys",),))
    return Places(tmp_path / "opt", tmp_path / "kept", tmp_path / "asked", tmp_path / "data", tmp_path / "image")


def packed(tmp_path: Path, number: int = 5, cli: bool = True) -> Path:
    tree = tmp_path / "tree"
    (tree / "pi_cam").mkdir(parents=True, exist_ok=True)
    (tree / "pi_cam/__init__.py").write_text("")
    (tree / "pi_cam/wrong.py").write_text("print 'of another age'\n")
    if cli:
        (tree / "pi_cam/cli.py").write_text("def main():\n    print('runs')\n    return 0\n")
    maker.pack(tree, tmp_path / "out", KEY, "1.0", number)
    return tmp_path / "out"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_package_that_is_right_is_handed_over_once(places: Places, tmp_path: Path) -> None:
    package = packed(tmp_path)
    with package.open("rb") as file:
        assert inbox.deliver(file, places).release == 5
    assert places.inbox.read_bytes() == package.read_bytes()
    with pytest.raises(Conflict, match="under way"):
        inbox.deliver(io.BytesIO(package.read_bytes()), places)
    assert names(places.inbox.parent) == ["update.pi-cam"]


def test_of_one_that_is_wrong_nothing_is_left(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(tmp_path).read_bytes()
    monkeypatch.setattr(inbox, "LARGEST", len(data) + 10)
    for wrong in (data[:-1], data + b"x", data[:300], b"", bytes(len(data) + 100), data.replace(b'"1.0"', b'"1.1"')):
        with pytest.raises(UpdateRefused):
            inbox.deliver(io.BytesIO(wrong), places)
        assert names(places.inbox.parent) == []


def test_where_nobody_would_take_it_it_is_not_put(places: Places, tmp_path: Path) -> None:
    data = packed(tmp_path).read_bytes()
    places.kept.rmdir()
    with pytest.raises(Conflict, match=r"install\.sh"):
        inbox.deliver(io.BytesIO(data), places)
    places.image.touch()
    with pytest.raises(Conflict, match="data partition"):
        inbox.deliver(io.BytesIO(data), places)
    assert names(places.data) == []


def test_an_outcome_is_read_as_it_was_written_or_not_at_all(places: Places) -> None:
    assert Outcome.read(places.outcome) is None
    outcome = Outcome.now("refused", None, "It was refused.")
    outcome.write(places.outcome)
    assert Outcome.read(places.outcome) == outcome
    assert places.outcome.stat().st_mode & 0o777 == 0o644
    whole = json.loads(places.outcome.read_bytes())
    wrong: object
    for wrong in (
        {**whole, "result": "other"},
        {**whole, "at": "1"},
        {**whole, "more": 1},
        [],
        {**whole, "release": None},
    ):
        places.outcome.write_text(json.dumps(wrong))
        assert Outcome.read(places.outcome) is None
    places.outcome.write_text('{"result":')
    assert Outcome.read(places.outcome) is None


@pytest.mark.parametrize("shown", ["true", "false"])
def test_a_version_is_laid_out_like_the_one_that_runs(places: Places, tmp_path: Path, shown: str) -> None:
    running = places.programs / "20260101-000000"
    running.mkdir()
    (running / "pyvenv.cfg").write_text(f"home = /usr/bin\ninclude-system-site-packages = {shown}\n")
    (places.programs / "current").symlink_to(running)
    slots = FolderSlots(places.programs, Environment.like(running))
    with Package.open(packed(tmp_path), trusted.load()) as package:
        new = places.programs / slots.put_in(package)
    assert f"include-system-site-packages = {shown}" in (new / "pyvenv.cfg").read_text()
    assert (new / "bin/pi-cam").read_text().startswith(f"#!{new}/bin/python\n")
    assert (new / "bin/python").resolve() == Path("/usr/bin/python3").resolve()
    assert list(new.rglob("cli.*.pyc")) != []


def test_what_holds_no_program_is_not_put_in(places: Places, tmp_path: Path) -> None:
    (places.programs / "1-1").mkdir()
    (places.programs / "current").symlink_to(places.programs / "1-1")
    slots = FolderSlots(places.programs, Environment(False))
    with (
        Package.open(packed(tmp_path, cli=False), trusted.load()) as package,
        pytest.raises(PiCamError, match="no pi-cam"),
    ):
        slots.put_in(package)
    slots.recover()
    assert not (places.programs / UNFINISHED).exists()
    assert slots.progress().state == "idle"
    assert slots.current() == "1-1"


def test_this_checkout_is_no_release() -> None:
    assert release() == 0
