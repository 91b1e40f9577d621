"""Another machine on the network of the tests: where a camera stands whose address comes through the API."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests import network
from tests.prerequisites import require

OURS = "10.99.1.1"
ADDRESS = "10.99.1.2"


@contextmanager
def camera_host() -> Iterator[list[str]]:
    """A network namespace at `ADDRESS`, one hop away. Yields what to put before a command that is to run in it."""
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo here; exec sleep 600"], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        within = ["nsenter", "--target", str(holder.pid), "--net"]
        for command in (
            ["ip", "link", "add", "cam0", "type", "veth", "peer", "name", "cam1", "netns", str(holder.pid)],
            ["ip", "address", "add", f"{OURS}/24", "dev", "cam0"],
            ["ip", "link", "set", "cam0", "up"],
            [*within, "ip", "address", "add", f"{ADDRESS}/24", "dev", "cam1"],
            [*within, "ip", "link", "set", "cam1", "up"],
            [*within, "ip", "link", "set", "lo", "up"],
        ):
            subprocess.run(command, check=True, capture_output=True, text=True)
        yield within
    finally:
        holder.kill()
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()
        subprocess.run(["ip", "link", "delete", "cam0"], check=False, capture_output=True)
