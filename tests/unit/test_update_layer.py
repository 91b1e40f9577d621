"""When Debian's security updates have proved themselves on an image, and when the camera starts again for them."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from pi_cam.updates import layer
from pi_cam.updates.layer import PROVE_SECONDS, WAIT_SECONDS, Proof, wait


class Start:
    """One start of a machine with a layer over its system; `tries`: as the initramfs counted."""

    def __init__(self, folder: Path, tries: str | None) -> None:
        self.file, self.restarts = folder / "tries", 0
        if tries is not None:
            self.file.write_text(tries, "ascii")

    def look(self, *, serves: bool, seconds: float) -> None:
        Proof(self.file, lambda: serves, lambda: seconds, self._restart).look()

    def _restart(self) -> None:
        self.restarts += 1


def test_a_layer_with_which_the_camera_answers_stays(tmp_path: Path) -> None:
    start = Start(tmp_path, "1\n")
    start.look(serves=True, seconds=180)
    assert not start.file.exists()
    assert start.restarts == 0


def test_one_that_keeps_it_from_answering_has_it_start_again_after_a_while(tmp_path: Path) -> None:
    start = Start(tmp_path, "2\n")
    start.look(serves=False, seconds=PROVE_SECONDS - 1)
    assert start.restarts == 0
    start.look(serves=False, seconds=PROVE_SECONDS)
    assert start.restarts == 1
    assert start.file.read_text("ascii") == "2\n", "the start that comes is counted by the initramfs"


def test_a_card_that_cannot_count_is_not_started_again_for_ever(tmp_path: Path) -> None:
    start = Start(tmp_path, "1\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # nothing can be written
    try:
        with pytest.raises(OSError, match="too large"):
            start.look(serves=False, seconds=PROVE_SECONDS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert start.restarts == 0


@pytest.mark.parametrize("tries", [None, "0\n", "", "x"])
def test_what_is_not_over_the_system_yet_is_not_judged(tmp_path: Path, tries: str | None) -> None:
    start = Start(tmp_path, tries)
    for serves in (True, False):
        start.look(serves=serves, seconds=PROVE_SECONDS * 9)
    assert start.restarts == 0
    assert start.file.exists() == (tries is not None)


class Night:
    """A clock that is moved by sleeping. Somebody watches until `leaves`."""

    def __init__(self, leaves: float) -> None:
        self.now, self._leaves = 100.0, 100.0 + leaves

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self) -> bool:
        return wait(lambda: self.now < self._leaves, clock=lambda: self.now, sleep=self.sleep)


def test_it_waits_for_who_watches_and_not_for_ever() -> None:
    nobody, child, screen = Night(0), Night(3600), Night(1e9)
    assert nobody.wait()
    assert nobody.now == 100
    assert child.wait()
    assert 3600 <= child.now - 100 < 3700
    assert not screen.wait()
    assert WAIT_SECONDS <= screen.now - 100 < WAIT_SECONDS + 100


def test_the_time_since_the_start_goes_on() -> None:
    assert Proof(Path("tries")).running() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=60)


def test_a_wrong_word_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert layer.main(["reboot"]) == 2
    assert "prove|wait" in capsys.readouterr().err
