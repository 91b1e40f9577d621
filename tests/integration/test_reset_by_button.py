"""The button that is held while the power comes back, on gpiozero's own simulated pins, with a clock of ours."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from pi_cam.control.light import PATTERNS
from pi_cam.keeping.reset import MACHINE, finish, reset
from pi_cam.reset_by_button import BOOT_ID, IMAGE, reset_if_held
from pi_cam.store import DATABASE, Store


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    monkeypatch.setenv("PI_CAM_BUTTON_PIN", "GPIO17")
    monkeypatch.setenv("PI_CAM_LIGHT_PIN", "GPIO27")
    monkeypatch.setenv("PI_CAM_RESET_HOLD_SECONDS", "10")
    yield factory
    factory.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return power(tmp_path / "root", "one")


def power(root: Path, number: str) -> Path:
    (root / BOOT_ID).parent.mkdir(parents=True, exist_ok=True)
    (root / BOOT_ID).write_text(number, "ascii")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a camera that remembers something."""
    folder = tmp_path / "data"
    store = Store(folder)
    store.open()
    store.secret()
    store.stop()
    return folder


class Machine:
    """Its time passes while the program sleeps. A finger is on the button until `let_go` (seconds; None: something leans on
    it for ever); `look` is called once, when the button was held for 10.1 s."""

    def __init__(
        self, pins: MockFactory, let_go: float | None, look: Callable[[], object] = lambda: None, until: float = 10.1
    ) -> None:
        self.seconds = 0.0
        self._button = pins.pin("GPIO17")
        self._let_go = let_go
        self._look, self._until = look, until

    def clock(self) -> float:
        return 1_000.0 + self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if self._let_go is None or self.seconds < self._let_go:
            self._button.drive_low()
        else:
            self._button.drive_high()
        if self._until <= self.seconds < self._until + seconds:
            self._look()

    def start(self, folder: Path, root: Path) -> bool:
        return reset_if_held(folder, self.clock, self.sleep, root)


def test_held_until_the_light_flickers_and_let_go(pins: MockFactory, folder: Path, root: Path) -> None:
    light = pins.pin("GPIO27")
    seen: list[bool] = []
    pause = threading.Event()

    def look() -> None:
        """For one real second, which the lamp's own thread has."""
        for _ in range(40):
            pause.wait(0.025)
            seen.append(light.state)

    assert Machine(pins, 11.0, look).start(folder, root)
    assert not (folder / DATABASE).exists()
    assert {path.name for path in folder.iterdir()} <= {"occupied", "started-in"}
    changes = sum(before != after for before, after in itertools.pairwise(seen))
    assert changes >= 8, f"{seen}: {PATTERNS['reset']}"
    assert not Machine(pins, 11.0).start(folder, root), "once"


def test_on_an_image_the_machine_forgets_too(pins: MockFactory, folder: Path, root: Path) -> None:
    (root / IMAGE).parent.mkdir(parents=True)
    (root / IMAGE).touch()
    assert Machine(pins, 11.0).start(folder, root)
    assert {path.name for path in folder.iterdir()} <= {"occupied", "started-in", MACHINE}
    assert (folder / MACHINE).exists()
    (folder / MACHINE).unlink()
    power(root, "two")
    assert not Machine(pins, 9.0).start(folder, root)
    assert not (folder / MACHINE).exists()


def test_elsewhere_no_word_is_left_that_nobody_reads(pins: MockFactory, folder: Path, root: Path) -> None:
    assert Machine(pins, 11.0).start(folder, root)
    assert not (folder / MACHINE).exists()


def test_a_reset_that_was_cut_off_still_leaves_the_word(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", interrupted)
        reset(folder, machine=True)
    assert not (folder / MACHINE).exists(), "half a reset is none"
    assert finish(folder)
    assert {path.name for path in folder.iterdir()} <= {"occupied", MACHINE}
    assert (folder / MACHINE).exists()


def interrupted(path: Path, missing_ok: bool = False) -> None:
    raise KeyboardInterrupt


def test_let_go_too_early(pins: MockFactory, folder: Path, root: Path) -> None:
    assert not Machine(pins, 9.0).start(folder, root)
    assert (folder / DATABASE).exists()


def test_a_broken_contact(pins: MockFactory, folder: Path, root: Path) -> None:
    machine = Machine(pins, None)
    assert not machine.start(folder, root)
    assert machine.seconds > 10
    assert (folder / DATABASE).exists()


def test_only_when_the_power_comes_back(pins: MockFactory, folder: Path, root: Path) -> None:
    """And not when the program alone starts again."""
    nobody = Machine(pins, 0.0)
    assert not nobody.start(folder, root)
    assert nobody.seconds < 1, "nobody waits"
    assert not Machine(pins, 12.0).start(folder, root)
    assert (folder / DATABASE).exists()
    power(root, "two")
    assert Machine(pins, 12.0).start(folder, root)


@pytest.mark.parametrize(("variable", "value"), [("RESET_HOLD_SECONDS", "0"), ("BUTTON_PIN", "")])
def test_where_nobody_wants_that(
    pins: MockFactory, folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(f"PI_CAM_{variable}", value)
    machine = Machine(pins, 12.0)
    assert not machine.start(folder, root)
    assert machine.seconds == 0
    assert (folder / DATABASE).exists()


def test_settings_that_make_no_sense_are_for_others_to_say(
    pins: MockFactory, folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI_CAM_BUTTON_PIN", "nonsense")
    assert not Machine(pins, 12.0).start(folder, root)
