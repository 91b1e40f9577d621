"""That privacy is on is a file: a restart, a damaged database and a full disk leave it as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pi_cam import durable
from pi_cam.errors import StoreError
from pi_cam.privacy import FILE, Privacy


def test_it_survives_a_restart_and_so_does_its_end(tmp_path: Path) -> None:
    privacy = Privacy(tmp_path)
    assert not privacy.is_on
    privacy.turn_on()
    privacy.keep()
    assert (privacy.is_on, Privacy(tmp_path).is_on) == (True, True)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    privacy.turn_off()
    assert (privacy.is_on, Privacy(tmp_path).is_on) == (False, False)
    privacy.turn_off()


def test_where_it_cannot_be_kept_it_is_on_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(durable, "replace", full)
    privacy = Privacy(tmp_path)
    privacy.turn_on()
    with pytest.raises(StoreError, match="but not kept"):
        privacy.keep()
    assert privacy.is_on


def test_what_would_come_back_with_a_restart_is_not_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    privacy = Privacy(tmp_path)
    privacy.turn_on()
    privacy.keep()

    def broken(folder: Path) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(durable, "sync_folder", broken)
    with pytest.raises(StoreError, match="cannot be ended: Input/output error"):
        privacy.turn_off()
    assert privacy.is_on
