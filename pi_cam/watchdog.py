"""What systemd is told of this program: that it serves, that it lives, that it ends (sd_notify(3), sd_watchdog_enabled(3)).

systemd ends and starts again what does not say for `WatchdogSec=` that it lives. It says so only while a look finds nothing
wrong: a program that runs, but shows nobody anything, is not alive.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, MutableMapping, Sequence

log = logging.getLogger(__name__)

SOCKET, MICROSECONDS, PROCESS = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
LOOKS_PER_PERIOD = 4
STOP_SECONDS = 1.0

Probe = Callable[[], str | None]
"""A sentence of what is wrong, or None. Returns within a few seconds, and never raises."""


class Manager:
    """systemd, or nobody. `period`: within so many seconds it must hear that this lives; None where nobody waits for it."""

    def __init__(self, address: str | None = None, period: float | None = None) -> None:
        self._address = address
        self.period = period if address else None

    @classmethod
    def take(cls, environment: MutableMapping[str, str] = os.environ) -> Manager:
        """As the environment names it, from which it is taken: no other program is to speak for this one."""
        address, microseconds, _ = (environment.pop(name, None) for name in (SOCKET, MICROSECONDS, PROCESS))
        known = microseconds is not None and microseconds.isascii() and microseconds.isdigit() and int(microseconds) > 0
        return cls(address, int(microseconds) / 1_000_000 if microseconds is not None and known else None)

    def tell(self, **assignments: str | int) -> None:
        """Such as `READY=1`. What cannot be told is lost: a manager that hears nothing acts on that."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        text = "\n".join(f"{name}={value}" for name, value in assignments.items())
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(text.encode(), address)


class Watchdog:
    """A `Subsystem`. Looks four times a period, and feeds the manager's watchdog while no probe finds anything wrong."""

    def __init__(self, manager: Manager, probes: Sequence[Probe]) -> None:
        self._manager = manager
        self._probes = probes
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._trouble: str | None = None

    def start(self) -> None:
        """Says that this serves, and begins to look."""
        self._manager.tell(READY=1, STATUS="The camera serves.")
        if self._manager.period is not None:
            wait = self._manager.period / LOOKS_PER_PERIOD
            self._thread = threading.Thread(target=self._run, args=(wait,), name="watchdog", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Says that this ends; it is not looked at any more."""
        self._ended.set()
        self._manager.tell(STOPPING=1, STATUS="The camera ends.")
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def state(self) -> dict[str, object]:
        """`trouble`: what kept the watchdog from being fed, at the last look."""
        return {"trouble": self._trouble}

    def look(self) -> None:
        """Once."""
        trouble = next((found for found in (probe() for probe in self._probes) if found), None)
        if trouble is None:
            self._manager.tell(WATCHDOG=1)
        if trouble != self._trouble:
            self._manager.tell(STATUS=trouble or "The camera serves.")
            log.log(logging.ERROR if trouble else logging.INFO, trouble or "all is well again")
        self._trouble = trouble

    def _run(self, wait: float) -> None:
        while not self._ended.is_set():
            self.look()
            self._ended.wait(wait)
