"""Writers that are killed at any moment, and a look at what they leave behind. Run as a program: all is imported
once, and each writer is a fork of it. `python -m tests.kills random FOLDER COUNT`, or a word of `STEPS` and a
folder."""

from __future__ import annotations

import os
import random
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from pi_cam import database, durable, settings_file, store
from pi_cam.journal import Journal
from pi_cam.journal.actions import Entry
from pi_cam.journal.ledger import Ledger
from pi_cam.settings import Settings
from pi_cam.store import DATABASE, Store
from pi_cam.trust.accounts import Accounts
from pi_cam.trust.passwords import PasswordHasher
from pi_cam.trust.sessions import Sessions
from pi_cam.trust.tokens import Tokens
from pi_cam.trust.totp import Totp

PASSWORD = "a green door behind the house"
STEPS_MIN = 20

Numbers = tuple[int, int, int]
"""The last that a writer says it has written: of settings, tokens and journal rows."""


def write_for_ever(folder: Path, done: int) -> None:
    """Settings, accounts, tokens and journal; after each round the numbers go to `done`, a pipe."""
    opened, settings = Store(folder), Settings.load(folder, {})
    opened.open()
    ledger, tokens = Ledger(folder, opened.secret()), Tokens(opened)
    ledger.open(time.time())
    accounts = Accounts(
        opened, PasswordHasher(opened.secret(), cost=4), Sessions(opened, lambda: 3600.0), Totp(opened, opened.secret())
    )
    number = 1
    while True:
        number += 1
        settings.change({"journal_days": number, "viewers_max": number % 100 + 1})
        accounts.set_owner("Ada", PASSWORD)
        accounts.sign_in("Ada", PASSWORD, address="", agent="")
        for row in tokens.list():
            tokens.revoke(row.name)
        tokens.create(f"{number}", ["view"])
        ledger.add([Entry(time.time(), "setting-changed", detail={"number": number})])
        os.write(done, struct.pack("I", number))


def forked(work: Callable[[], object]) -> int:
    """The child's process number."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - a child of a fork must not go on as its parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def kill_at_a_random_moment(folder: Path, longest: float, *, written_once: bool) -> int:
    """The last round that the writer says is written; 0 when it did not come so far. `written_once`: the moment is one
    after its first round, however long that takes on a busy disk; else one from its very start."""
    reading, writing = os.pipe()
    child = forked(lambda: write_for_ever(folder, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read(4) if written_once else b""
        time.sleep(random.random() * longest)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the writer ended by itself"
        said += pipe.read()
    return struct.unpack("I", said[-4:])[0] if said else 0


def check(folder: Path, number: int) -> None:
    """All opens clean; what was said to be written is there; the chain holds."""
    opened = Store(folder)
    opened.open()
    assert opened.restored is None
    assert opened.problem() is None
    with database.connection(folder / DATABASE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    settings = Settings.load(folder, {})
    assert settings.problems() == []
    ledger = Ledger(folder, opened.secret())
    ledger.open(time.time())
    count, fault = ledger.first_fault()
    assert fault is None, fault
    assert not list(folder.glob("*damaged*")), list(folder.iterdir())
    if number:
        assert settings.integer("journal_days") >= number
        assert [int(row.name) >= number for row in Tokens(opened).list()] in ([True], [])
        assert Accounts(
            opened,
            PasswordHasher(opened.secret(), cost=4),
            Sessions(opened, lambda: 60.0),
            Totp(opened, opened.secret()),
        ).has_owner()
        assert count >= number
    ended = Journal(ledger)
    ended.start()
    ended.append("device-started")
    ended.stop()
    assert ended.problem() is None
    assert ledger.first_fault() == (count + 1, None)


def at_random(folder: Path, count: int) -> None:
    """So many kills, each in the midst of it; a new folder now and then, since the beginning is a moment, too."""
    after_a_round, longest = (
        0,
        min(5 * seconds_of_a_round(folder / "timed"), 0.5),
    )  # a busy disk must not make it endless
    for number in range(count):
        place = folder / str(number // 20)
        written = kill_at_a_random_moment(place, longest, written_once=number % 2 == 1)
        check(place, written)
        after_a_round += written > 0
    assert after_a_round >= count // 2, "the writers hardly came to write"


def seconds_of_a_round(folder: Path) -> float:
    """What it takes here and now, from the writer's start to its first round."""
    reading, writing = os.pipe()
    began = time.monotonic()
    child = forked(lambda: write_for_ever(folder, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        pipe.read(4)
    took = time.monotonic() - began
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return took


class _Deadly:
    """A tracer that kills its process before the given line of these modules."""

    def __init__(self, line: int, files: set[str]) -> None:
        self._left = line
        self._files = files

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename not in self._files:
            return None
        if event in ("line", "return"):
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def at_every_step(prepare: Callable[[Path], None], work: Callable[[Path], object], folder: Path) -> Iterator[Path]:
    """The folder as each kill left it: before the first line that `work` runs in the modules that write, before the second,
    and so on, until it comes to its end."""
    files = {str(module.__file__) for module in (database, durable, settings_file, store)}
    for line in range(100_000):
        place = folder / f"step {line}"
        prepare(place)

        def traced(place: Path = place, line: int = line) -> None:
            sys.settrace(_Deadly(line, files))
            work(place)
            sys.settrace(None)

        _, status = os.waitpid(forked(traced), 0)
        yield place
        if not os.WIFSIGNALED(status):
            assert status == 0
            assert line > STEPS_MIN
            return


def settings_at_every_step(folder: Path) -> None:
    """Either the old values or the new ones hold, and nothing is wrong: for the first file, and for one after it."""

    def prepare(place: Path) -> None:
        Settings.load(place, {}).change({"viewers_max": 3, "journal_days": 30})

    assert _settings_seen(lambda place: None, folder / "first") == {(8, 365), (4, 40)}
    assert _settings_seen(prepare, folder / "later") == {(3, 30), (4, 40)}


def _settings_seen(prepare: Callable[[Path], None], folder: Path) -> set[tuple[int, int]]:
    def work(place: Path) -> None:
        Settings.load(place, {}).change({"viewers_max": 4, "journal_days": 40})

    seen = []
    for place in at_every_step(prepare, work, folder):
        settings = Settings.load(place, {})
        assert settings.problems() == []
        seen.append((settings.integer("viewers_max"), settings.integer("journal_days")))
        settings.change({"viewers_max": 5})
        assert Settings.load(place, {}).problems() == []
    changed_at = seen.index((4, 40))
    assert set(seen[changed_at:]) == {(4, 40)}
    return set(seen)


def rights_at_every_step(folder: Path) -> None:
    """A token is revoked, and the good copy made anew."""

    def prepare(place: Path) -> None:
        opened = Store(place)
        opened.open()
        Tokens(opened).create("one", ["view"])

    seen = []
    for place in at_every_step(prepare, lambda place: Tokens(Store(place)).revoke("one"), folder / "rights"):
        opened = Store(place)
        opened.open()
        assert opened.restored is None
        seen.append(len(Tokens(opened).list()))
    assert set(seen) == {0, 1}
    assert seen == sorted(seen, reverse=True)


def restoring_at_every_step(folder: Path) -> None:
    """A damaged database is replaced; when that is cut short, the next start does it again."""

    def prepare(place: Path) -> None:
        opened = Store(place)
        opened.open()
        Tokens(opened).create("one", ["view"])
        (place / DATABASE).write_bytes(b"a letter" * 1000)

    for place in at_every_step(prepare, lambda place: Store(place).open(), folder / "restoring"):
        opened = Store(place)
        opened.open()
        assert [row.name for row in Tokens(opened).list()] == ["one"]
        assert b"a letter" in b"".join(path.read_bytes() for path in place.glob("pi-cam.damaged-*.db"))


def main() -> int:
    kind, folder = sys.argv[1], Path(sys.argv[2])
    if kind == "random":
        at_random(folder, int(sys.argv[3]))
    else:
        STEPS[kind](folder)
    return 0


STEPS = {"settings": settings_at_every_step, "rights": rights_at_every_step, "restoring": restoring_at_every_step}


if __name__ == "__main__":
    sys.exit(main())
