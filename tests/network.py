"""A network of its own for the whole test run: nothing that is tested can reach, or be reached from, anywhere else.

`python -m tests.network COMMAND…` runs a command in one; as root of a user namespace where the person is not root, so that
processes which it starts, with threads or without, can make one each.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000

HOST_ADDRESS = "10.99.0.1"
"""What a WebRTC peer finds as its own address: ICE skips loopback."""

HOST_ADDRESS_6 = "fd99::1"

COMMANDS = (
    "ip link set lo up",
    "ip link add veth0 type veth peer name veth1",
    f"ip address add {HOST_ADDRESS}/24 dev veth0",
    f"ip -6 address add {HOST_ADDRESS_6}/64 dev veth0 nodad",
    "ip link set veth0 up",
    "ip link set veth1 up",
)

_problem: str | None = "not tried yet"


def enter() -> None:
    """Moves this process, before it has any thread, into a new network namespace with loopback and a veth pair."""
    global _problem  # noqa: PLW0603 - one process, one network
    try:
        _unshare()
        for command in COMMANDS:
            subprocess.run(command.split(), check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        _problem = str(getattr(error, "stderr", None) or error)
    else:
        _problem = None


def problem() -> str | None:
    """Why there is no network of our own; None when there is."""
    return _problem


def _unshare() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    flags = CLONE_NEWNET if user == 0 else CLONE_NEWNET | CLONE_NEWUSER
    if libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"no network namespace: {os.strerror(number)}")
    if user != 0:  # without root: as root of a user namespace that has nobody else in it
        Path("/proc/self/setgroups").write_text("deny", "ascii")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1", "ascii")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1", "ascii")


if __name__ == "__main__":
    enter()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - as the person typed it, without a shell
