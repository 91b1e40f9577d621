"""Whether somebody watches, as whoever would start the machine again sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_cam.loop import Loop
from pi_cam.updates.places import Places
from pi_cam.updates.witness import Witness


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    loop.start()
    yield loop
    loop.stop()


def test_it_is_told_for_as_long_as_somebody_watches(tmp_path: Path, loop: Loop) -> None:
    folders = {name: tmp_path / name for name in ("opt", "kept", "asked", "data", "image", "running")}
    places = Places(*folders.values())
    folders["running"].mkdir()
    viewers: list[str] = []
    witness = Witness(places.data, loop, list, lambda *_, **__: None, places, is_watched=lambda: bool(viewers))
    witness.look()
    assert not places.watched.exists()
    viewers.append("Ada")
    witness.look()
    witness.look()
    assert places.watched.exists()
    viewers.clear()
    witness.look()
    assert not places.watched.exists()
    viewers.append("Ada")
    witness.look()
    witness.stop()
    assert not places.watched.exists()
