"""Debian's security updates on an image: a layer over its system, which has to prove itself before it stays.

`image-build/overlay/usr/lib/pi-cam/update-system` makes it, and the initramfs lays it over the system and counts the starts.
Runs as root:

    python -I -m pi_cam.updates.layer prove     some minutes after a start, and again (pi-cam-update-good.service)
    python -I -m pi_cam.updates.layer wait      until the camera may start again for one
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pi_cam import durable
from pi_cam.updates import trial
from pi_cam.updates.places import HERE

PROVE_SECONDS = 720.0
"""After its start: a camera that does not answer by then starts again."""

WAIT_SECONDS = 7200.0
"""So long it waits for somebody who watches to leave; a screen on a wall would keep it from updates for ever."""

LOOK_SECONDS = 30.0
SYSTEMS = Path("/data/system")


def home(image: Path = HERE.image, systems: Path = SYSTEMS) -> Path:
    """The folder of the layers that belong to this very system. Raises `OSError`."""
    return systems / image.read_text("ascii").strip()


@dataclass(frozen=True, slots=True)
class Proof:
    """`tries`: the file in which the initramfs counts the starts of a layer that has not proved itself; `serves`: whether a
    page comes; `running`: seconds since the start; `restart`: starts the machine again."""

    tries: Path
    serves: Callable[[], bool] = trial.serves
    running: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    restart: Callable[[], None] = lambda: _call("reboot")

    def look(self) -> None:
        """A layer with which the camera answers stays. With one that keeps it from answering the machine starts again, and
        after the last of its tries it comes without it. Raises `OSError`: then nothing could count that start, and it would
        not be the last."""
        count = self._count()
        if count is None:  # proved, or not laid over the system before the next start
            return
        if self.serves():
            self.tries.unlink()
            durable.sync_folder(self.tries.parent)
        elif self.running() >= PROVE_SECONDS:
            durable.replace(self.tries, f"{count}\n".encode())
            sys.stderr.write("The camera does not answer with these security updates: it starts again.\n")
            self.restart()

    def _count(self) -> int | None:
        try:
            return int(self.tries.read_text("ascii")) or None
        except (OSError, ValueError):
            return None


def wait(
    is_busy: Callable[[], bool],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Until it is not, or for `WAIT_SECONDS`; whether it ended."""
    end = clock() + WAIT_SECONDS
    while is_busy():
        if clock() >= end:
            return False
        sleep(LOOK_SECONDS)
    return True


def is_busy() -> bool:
    """Whether somebody watches, or a version of the program is on trial."""
    return HERE.watched.is_symlink() or HERE.watched.exists() or HERE.package.exists()


def main(arguments: Sequence[str]) -> int:
    """The status is 1 when the card said no."""
    if list(arguments) == ["wait"]:
        if not wait(is_busy):
            sys.stderr.write("Somebody still watches: the camera starts again nevertheless.\n")
        return 0
    if list(arguments) != ["prove"]:
        sys.stderr.write("usage: python -m pi_cam.updates.layer prove|wait\n")
        return 2
    try:
        Proof(home() / "tries").look()
    except OSError as error:
        sys.stderr.write(f"pi-cam-update-good: {error}\n")
        return 1
    return 0


def _call(verb: str) -> None:
    subprocess.run(["/usr/bin/systemctl", verb], check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
