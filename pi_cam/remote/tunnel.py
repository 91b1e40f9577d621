"""Keeps the tunnel up: starts cloudflared when the settings want it, looks whether it is connected, and starts it again when
it ends, each time a little later."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol

from pi_cam.errors import PiCamError
from pi_cam.remote import backoff
from pi_cam.remote.cloudflared import Cloudflared
from pi_cam.remote.tunnel_plan import Plan, make_plan, wanted
from pi_cam.setting import Value
from pi_cam.settings import Settings

log = logging.getLogger(__name__)

State = Literal["off", "waiting", "connecting", "up"]
STATES: tuple[State, ...] = ("off", "waiting", "connecting", "up")
SETTINGS = frozenset({"tunnel", "tunnel_host"})
"""Those that may change while it runs."""

LOOK_SECONDS = 1.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0
STEADY_SECONDS = 60.0
"""Up so long, and the next trouble counts as the first one."""

CONNECT_SECONDS = 20.0
SILENT_SECONDS = 30.0
"""Without any answer of its own for so long it hangs, and is ended."""

GRACE_SECONDS = 0.8
STOP_SECONDS, STARTING_SECONDS = 2.0, 0.3
"""How long `stop` waits. While the program is only being started there is nothing to take leave of: whatever runs by then is
on a leash, and ends with us."""

LOST = "The connection to Cloudflare was lost; cloudflared makes it anew."
NOT_YET = "cloudflared has no connection to Cloudflare yet; it goes on trying."
NO_NAME = "cloudflared is connected, but did not say under which name this device is reached."
SILENT = "cloudflared did not answer any more; it is started again."
ENDED = "cloudflared ended by itself; it is started again."

ACTOR = "cloudflared"
"""Whose rows these are in the journal: strangers' refusals, of which only so many get rows, leave room for them."""

Note = Callable[..., None]
"""`Journal.append`."""


class Running(Protocol):
    """What is needed of a `Cloudflared`."""

    host: str
    cause: str | None

    def status(self) -> int | None:
        """Its exit status."""

    def connections(self) -> int | None:
        """To Cloudflare."""

    def stop(self, grace: float) -> None:
        """Ends it."""


Launch = Callable[[Plan, Callable[[], None]], Running]


class Tunnel:
    """A `Subsystem`. All of its work is in one thread, with which the program would die; any other may ask for `state` and
    `names`. `port`: of the tunnel's listener, None when there is none; `jitter`: a factor from 0.5 to 1."""

    def __init__(
        self,
        settings: Settings,
        data: Path,
        port: int | None,
        note: Note,
        launch: Launch = Cloudflared,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = backoff.some,
    ) -> None:
        self._settings = settings
        self._data = data
        self._port = port
        self._note = note
        self._launch = launch
        self._clock = clock
        self._jitter = jitter
        self._wake = threading.Event()
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._child: Running | None = None
        self._state: State = "off"
        self._trouble: str | None = None
        self._connections = 0
        self._restarts = 0
        self._failures = 0
        self._try_at = float("-inf")
        self._since = 0.0
        """When the program was started, or, while it is up, when it came up."""
        self._answered_at = 0.0
        settings.watch(self._on_change)

    def start(self) -> None:
        """Begins."""
        self._thread = threading.Thread(target=self._run, name="tunnel", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the program, too."""
        self._ended.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(STARTING_SECONDS if self._child is None else STOP_SECONDS)

    def state(self) -> dict[str, object]:
        """For the API: `way`, `state`, `host`, `trouble`, `connections`, `restarts`, `next_try_seconds`."""
        now, state = self._clock(), self._state
        return {
            "way": self._settings.text("tunnel"),
            "state": state,
            "host": self._host() or None,
            "trouble": self._trouble,
            "connections": self._connections,
            "restarts": self._restarts,
            "next_try_seconds": round(max(0.0, self._try_at - now), 1) if state == "waiting" else None,
        }

    def names(self) -> frozenset[str]:
        """Under which this device may be addressed through the tunnel's listener: the one of the settings, which may be that
        of a tunnel that somebody else runs, and the one that a quick tunnel has now."""
        return frozenset({self._settings.text("tunnel_host"), self._host()} - {""})

    def _host(self) -> str:
        child = self._child
        return child.host if child is not None else ""

    def _on_change(self, changed: Mapping[str, Value]) -> None:
        if SETTINGS & changed.keys():
            self._changed.set()
            self._wake.set()

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._wake.clear()
                self._wake.wait(self.step())
        finally:
            self._end_child()
            self._state, self._connections = "off", 0

    def step(self) -> float | None:
        """Does what is due; how many seconds until the next, None when only a word can make something due."""
        if self._changed.is_set():
            self._changed.clear()
            self._begin_anew()
        if not wanted(self._settings):
            return None
        if self._child is not None:
            return self._look(self._child)
        wait = self._try_at - self._clock()
        return wait if wait > 0 else self._start_child()

    def _begin_anew(self) -> None:
        """With other settings: what was learned with the old ones counts no more."""
        if self._state == "up":
            self._down("The settings were changed.", result="ok")
        self._end_child()
        self._state, self._trouble, self._failures, self._try_at = "off", None, 0, float("-inf")

    def _start_child(self) -> float:
        try:
            plan = make_plan(self._settings, self._data, self._port)
            self._child = self._launch(plan, self._wake.set)
        except PiCamError as error:
            return self._failed(str(error))
        except OSError as error:  # no more files, no more processes
            return self._failed(f"cloudflared cannot be started: {error.strerror}.")
        self._state = "connecting"
        self._since = self._answered_at = self._clock()
        return LOOK_SECONDS

    def _look(self, child: Running) -> float:
        status = child.status()
        if status is not None:
            log.warning("cloudflared ended", extra={"status": status})
            return self._failed(child.cause or ENDED)
        now, connections = self._clock(), child.connections()
        if connections is not None:
            self._answered_at = now
        elif now - self._answered_at > SILENT_SECONDS:
            return self._failed(SILENT)
        self._connections = connections or 0
        if self._connections and (child.host or self._state == "up"):
            self._is_up(child, now)
        else:
            self._is_not_up(child, now)
        return LOOK_SECONDS

    def _is_up(self, child: Running, now: float) -> None:
        if self._state != "up":
            self._state, self._trouble, self._since, child.cause = "up", None, now, None
            self._note("tunnel-up", actor=ACTOR, host=child.host)
            log.info("the tunnel is up", extra={"host": child.host})
        if now - self._since >= STEADY_SECONDS:
            self._failures = 0

    def _is_not_up(self, child: Running, now: float) -> None:
        if self._state == "up":
            self._state, self._since = "connecting", now
            self._trouble = LOST
            self._down(LOST)
        elif self._connections:
            self._trouble = NO_NAME
        elif child.cause:
            self._trouble = child.cause
        elif now - self._since > CONNECT_SECONDS:
            self._trouble = NOT_YET

    def _failed(self, why: str) -> float:
        """To be tried again after a pause."""
        if self._state == "up":
            self._down(why)
        self._restarts += self._child is not None
        self._end_child()
        if why != self._trouble:
            log.warning("the tunnel", extra={"trouble": why})
        self._failures += 1
        wait = backoff.pause(self._failures, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, self._jitter)
        self._state, self._trouble, self._try_at = "waiting", why, self._clock() + wait
        return wait

    def _down(self, why: str, result: str = "failed") -> None:
        self._note("tunnel-down", actor=ACTOR, result=result, why=why)

    def _end_child(self) -> None:
        child, self._child, self._connections = self._child, None, 0
        if child is not None:
            child.stop(GRACE_SECONDS)
