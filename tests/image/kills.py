#!/usr/bin/env python3
"""Takes the supply away from the machine that the image makes, again and again, and looks at its next start each time.

    python -m tests.image.root run -- python -m tests.image.kills native 200 [SEED]      in a container: seconds each
    python -m tests.image.root run -- python -m tests.image.kills emulated 20 [SEED]     in QEMU: minutes each

At random moments of its first start, of changes to settings, of updates and of later starts. Each next start has to be whole
(`tests.image.story`), and is the one that is cut next. Prints a line for each cut, and a count at the end; the first start
that is not whole ends it with status 1.
"""

from __future__ import annotations

import collections
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests import network
from tests.image.cut import Emulated, InContainer, Machine
from tests.image.releases import Releases
from tests.image.root import FOLDER
from tests.image.story import Story

FIRST, LATER, SETTINGS, UPDATE = "first start", "later start", "settings", "update"
PLAN = (FIRST, SETTINGS, FIRST, SETTINGS, UPDATE, UPDATE, LATER, SETTINGS, FIRST, SETTINGS)
"""`first start` is on a new card each time."""

KINDS: dict[str, Callable[[Path, Path, Releases], Machine]] = {"native": InContainer, "emulated": Emulated}
RELEASES = [2, 3]
SHORTEST = {"native": 0.1, "emulated": 5.0}
LIVING = {"native": {SETTINGS: 4.0, UPDATE: 30.0}, "emulated": {SETTINGS: 20.0, UPDATE: 150.0}}
"""Within so many seconds the cut comes."""


def main(arguments: list[str]) -> int:
    """The status."""
    if len(arguments) not in (2, 3) or arguments[0] not in KINDS or not arguments[1].isdecimal():
        sys.exit("usage: python -m tests.image.kills native|emulated COUNT [SEED]")
    kind, count = arguments[0], int(arguments[1])
    seed = int(arguments[2]) if len(arguments) > 2 else time.time_ns() % 10**9
    place = Path(os.environ[FOLDER])
    network.enter()
    with _scratch() as folder:
        releases = Releases(place / "system", folder / "releases")
        (image,) = place.glob("*.img")
        machine = KINDS[kind](image, folder / "machine", releases)
        kills = Kills(machine, kind, seed)
        try:
            for _ in range(count):
                kills.one_more()
        except AssertionError as error:
            _say(f"NOT WHOLE after a cut during {kills.phase} (seed {seed}): {error}")
            return 1
        finally:
            with contextlib.suppress(Exception):
                machine.cut()
        _say(kills.summary())
    return 0


class Kills:
    """One cut after the other. `phase`: of the last one."""

    def __init__(self, machine: Machine, kind: str, seed: int) -> None:
        self._machine, self._kind, self._seed = machine, kind, seed
        self._chance = random.Random(seed)
        self._story = Story(machine, RELEASES, self._chance)
        self._start_seconds = 6.0 if kind == "native" else 90.0
        self._done: collections.Counter[str] = collections.Counter()
        self._number = 0
        self._on = False
        self.phase = ""

    def one_more(self) -> None:
        """Raises `AssertionError` when the start after it is not whole."""
        self.phase = PLAN[self._number % len(PLAN)]
        self._number += 1
        if self.phase == UPDATE and int(str(self._story.memory.release.known)) >= RELEASES[-1]:
            self.phase = SETTINGS  # this card has all updates by now
        of_a_start = self.phase in (FIRST, LATER)
        moment = self._cut_a_start() if of_a_start else self._cut_while_it_runs(self.phase)
        self._machine.start()
        took = self._story.verify()
        self._on = True
        self._start_seconds = took
        self._done[self.phase] += 1
        _say(f"{self._number:4d}  {self.phase:11s} cut after {moment:5.1f} s; whole, page after {took:5.1f} s")

    def summary(self) -> str:
        """The count, by phase."""
        counted = ", ".join(f"{count} of {phase}" for phase, count in sorted(self._done.items()))
        total = sum(self._done.values())
        return (
            f"{total} hard kills, {self._kind} ({counted}); every next start whole; "
            f"{self._story.updates} updates came to their end; seed {self._seed}"
        )

    def _cut_a_start(self) -> float:
        if self._on:
            self._machine.cut()
        if self.phase == FIRST:
            self._story.new_card(customised=self._chance.random() < 0.5, erased=self._chance.random() < 0.3)
        moment = self._chance.uniform(SHORTEST[self._kind], 1.2 * self._start_seconds)
        self._machine.start()
        time.sleep(moment)
        self._machine.cut()
        return moment

    def _cut_while_it_runs(self, phase: str) -> float:
        cut = threading.Event()
        thread = threading.Thread(target=self._story.live, args=[phase, cut])
        moment = self._chance.uniform(0.0, LIVING[self._kind][phase])
        thread.start()
        time.sleep(moment)
        cut.set()
        self._machine.cut()
        thread.join()
        assert self._story.trouble is None, self._story.trouble
        return moment


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """In memory: what a card is made to hold is not written to this machine's disk as well."""
    with tempfile.TemporaryDirectory(prefix="pi-cam-kills-") as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8g", "tmpfs", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
