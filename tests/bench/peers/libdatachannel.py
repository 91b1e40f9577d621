"""libdatachannel by its Python binding, whose wheels want a newer Python than this one: in the Debian trixie root. It makes
the offers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import distributions

from tests.bench.peers.peer import ROOT, Clip, HostedPeer

PACKAGE = "libdatachannel-py"
FOLDER = ROOT / "build/peers/libdatachannel"
"""Where the wheel is, unpacked: in the checkout, which the root shows."""

HOST = "tests.bench.peers.libdatachannel_host"
TRIXIE = ROOT / "tests/camera/trixie_root.py"
PLATFORMS = ("manylinux_2_35", "manylinux_2_34", "manylinux_2_28")


class LibDataChannel(HostedPeer):
    """See libdatachannel_host.py."""

    name, title, way = "libdatachannel", "libdatachannel-py", "offers"

    def missing(self) -> str:
        """As `Peer.missing`. What `prepare` brings is no lack before it ran."""
        if os.geteuid() != 0:
            return "root, for the trixie root"
        return "" if self.version() else f"{PACKAGE} (pip)"

    def version(self) -> str:
        """As `Peer.version`."""
        return next((one.version for one in distributions(path=[str(FOLDER)]) if one.name == PACKAGE), "")

    def command(self, clip: Clip) -> Sequence[str]:
        """As `HostedPeer.command`."""
        inside = ["env", f"PYTHONPATH={ROOT}:{FOLDER}", "python", "-m", HOST, str(clip.pictures)]
        return [sys.executable, str(TRIXIE), "run", "--", *inside]


def prepare() -> None:
    """Brings the wheel, and makes the root: needs the network, which the measurement has not. What fails is `missing`."""
    if os.geteuid() != 0:
        return
    platforms = [word for one in PLATFORMS for word in ("--platform", f"{one}_{os.uname().machine}")]
    wanted = ["--only-binary=:all:", "--python-version", "3.13", "--implementation", "cp", *platforms, "--no-deps"]
    if not LibDataChannel().version():
        # The Python that is asked is not the one that will run it.
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--ignore-requires-python",
        ]
        subprocess.run([*pip, *wanted, "--target", str(FOLDER), PACKAGE], check=False)
    subprocess.run([sys.executable, str(TRIXIE), "build"], check=False)


if __name__ == "__main__":
    prepare()
