"""A link of this machine that carries less for a while (`tc tbf`)."""

from __future__ import annotations

import subprocess


def throttle(device: str, rate: str) -> None:
    """What leaves by `device` is held to `rate`, such as `1mbit`, and waits 200 ms at most, as in front of a slow line."""
    _tc("replace", "dev", device, "root", "tbf", "rate", rate, "burst", "16kb", "latency", "200ms")


def release(device: str) -> None:
    """As fast as before."""
    _tc("delete", "dev", device, "root")


def _tc(*words: str) -> None:
    done = subprocess.run(["tc", "qdisc", *words], capture_output=True, text=True, check=False, timeout=10)
    assert done.returncode == 0, (words, done.stderr)
