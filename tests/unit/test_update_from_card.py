"""An update that a person copied onto the boot partition: handed over whole, or told why not."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pi_cam.updates import from_card
from pi_cam.updates.outcome import Outcome
from pi_cam.updates.places import Places
from tests.unit.test_update_inbox import packed, places

__all__ = ["places"]


@pytest.fixture
def boot(tmp_path: Path) -> Path:
    folder = tmp_path / "boot"
    folder.mkdir()
    return folder


def bring(boot: Path, places: Places) -> str:
    """The reason for which it was refused; empty where it was not."""
    from_card.bring(boot, places, as_user=contextlib.nullcontext, writable=contextlib.nullcontext)
    outcome = Outcome.read(places.outcome)
    assert outcome is None or outcome.result == "refused"
    return outcome.reason if outcome else ""


def left(places: Places) -> set[str]:
    return {path.name for path in places.inbox.parent.iterdir()} if places.inbox.parent.exists() else set()


@contextmanager
def room(size: int) -> Iterator[None]:
    """For a file of so many bytes, and none that is larger: the kernel says no in the midst of it, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_good_one_is_handed_over_and_gone_from_the_card(boot: Path, places: Places, tmp_path: Path) -> None:
    package = packed(tmp_path)
    (boot / "new.pi-cam").write_bytes(package.read_bytes())
    assert bring(boot, places) == ""
    assert places.inbox.read_bytes() == package.read_bytes()
    assert not list(boot.iterdir())
    assert left(places) == {"update.pi-cam"}


def test_on_a_full_disk_it_stays_on_the_card_and_that_is_told(boot: Path, places: Places, tmp_path: Path) -> None:
    package = packed(tmp_path)
    (boot / "new.pi-cam").write_bytes(package.read_bytes())
    with room(package.stat().st_size // 2):
        assert bring(boot, places) == "The update cannot be written: File too large."
    assert (boot / "new.pi-cam").read_bytes() == package.read_bytes()
    assert left(places) == set()
    places.outcome.unlink()
    assert bring(boot, places) == "", "there is room by now"
    assert places.inbox.exists()


@pytest.mark.parametrize("data", [b"", b"a picture of a cat", b"\0" * 100_000])
def test_what_is_no_update_goes_and_that_is_told(boot: Path, places: Places, data: bytes) -> None:
    (boot / "cat.pi-cam").write_bytes(data)
    assert bring(boot, places)
    assert not list(boot.iterdir())
    assert left(places) == set()


def test_one_waits_while_another_is_under_way(boot: Path, places: Places, tmp_path: Path) -> None:
    (boot / "new.pi-cam").write_bytes(packed(tmp_path).read_bytes())
    places.package.write_bytes(b"another")
    assert bring(boot, places) == ""
    assert (boot / "new.pi-cam").exists()
    assert left(places) == set()


def test_of_two_one_comes_and_other_files_are_left_alone(boot: Path, places: Places, tmp_path: Path) -> None:
    for name in ("a.pi-cam", "b.pi-cam", "config.txt"):
        (boot / name).write_bytes(packed(tmp_path).read_bytes())
    (boot / "0.pi-cam").mkdir()
    assert bring(boot, places) == ""
    assert {path.name for path in boot.iterdir()} == {"0.pi-cam", "b.pi-cam", "config.txt"}
