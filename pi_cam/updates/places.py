"""Where updates lie on a machine that deploy/install.sh set up, or that an image made, and who may write there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

RELEASE = Path(__file__).parent / "release"
"""The number of this program as a release, in decimal; 0 for one that was not made as a release."""

BUILT_IN = "built-in"
"""On an image: the folder, outside of `Places.programs`, of the version that came with it; a link there leads to it."""


@dataclass(frozen=True, slots=True)
class Places:
    """`programs`: versions, root's. `kept`: what root remembers of an update, for everybody to read. `asked`: a folder
    that is there while root's part runs, in which it asks the camera for pictures. `data`: the camera's own. `image`: there
    on one that is never written: what updates bring is then mounted there from the data partition. `running`: the camera's
    own, while it runs."""

    programs: Path = Path("/opt/pi-cam")
    kept: Path = Path("/var/lib/pi-cam-update")
    asked: Path = Path("/run/pi-cam-update")
    data: Path = Path("/var/lib/pi-cam")
    image: Path = Path("/etc/pi-cam/image")
    running: Path = Path("/run/pi-cam")

    @property
    def inbox(self) -> Path:
        """The package that the camera's user put there for root."""
        return self.data / "updates/inbox/update.pi-cam"

    @property
    def pictures(self) -> Path:
        """What the camera answers."""
        return self.data / "updates/pictures.json"

    @property
    def look(self) -> Path:
        """The number of the question."""
        return self.asked / "look"

    @property
    def watched(self) -> Path:
        """There while somebody watches: the machine is not started again then."""
        return self.running / "watched"

    @property
    def package(self) -> Path:
        """Root's copy, while it is worked on."""
        return self.kept / "package"

    @property
    def outcome(self) -> Path:
        """How the last update went."""
        return self.kept / "outcome.json"


HERE = Places()


def release() -> int:
    """Of the program that runs."""
    try:
        return int(RELEASE.read_text("ascii"))
    except (OSError, ValueError):
        return 0
