"""Becomes another program that does not outlive its parent. Run as a file, with the parent's process number and the command:
`prctl` must be called in the new process, and a process with threads must not run Python between fork and exec."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2). What is set survives the exec of a program without further rights."""

CANNOT_START = 126
"""The exit status of a shell for what is found but cannot be run."""


def main(parent: str, program: str, *arguments: str) -> int:
    """Returns only when the program cannot be started, or nobody is there to start it for."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        return CANNOT_START
    if os.getppid() != int(parent):  # it ended before prctl: the signal would never come
        return 0
    try:
        os.execv(program, [program, *arguments])  # noqa: S606 - there is no shell, and the caller chose the program
    except OSError:
        return CANNOT_START


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
