"""`python -m tests.bench.peers.pi_cam_host serve …`: `pi-cam` with one more kind of source, `stamped:/path`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pi_cam import cli
from pi_cam.capture.source import SOURCES, Emit, Report, SourceKind, UnsteeredSource
from pi_cam.media.units import AccessUnit
from tests.bench.stamped_clip import Picture, Player


class StampedSource(UnsteeredSource):
    """Each picture says when it was produced."""

    def __init__(self, url: str, *, by_operator: bool) -> None:
        self._path = Path(url.partition(":")[2])
        self._player: Player | None = None

    def start(self, emit: Emit, report: Report) -> None:
        """As `VideoSource.start`."""

        def play(picture: Picture) -> None:
            emit(AccessUnit(picture.data, picture.pts, picture.keyframe, time.monotonic()))

        self._player = Player(self._path, play)
        self._player.start()
        report(None)

    def stop(self) -> None:
        """As `VideoSource.stop`."""
        player, self._player = self._player, None
        if player is not None:
            player.stop()


if __name__ == "__main__":
    SOURCES["stamped"] = SourceKind("tests.bench.peers.pi_cam_host:StampedSource", True, "stamped:/path")
    sys.exit(cli.main())
