"""Looks once a day for a new version, fetches it and hands it to root's part, as `pi-cam update install` does. On unless the
owner says no, and put off when the owner says later."""

from __future__ import annotations

import logging
import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pi_cam.errors import Conflict, PiCamError, SettingError, StoreError, UpdateRefused
from pi_cam.settings import Settings
from pi_cam.updates import inbox, schedule, trusted
from pi_cam.updates.coming import Coming, file_name
from pi_cam.updates.manifest import Machine, Manifest
from pi_cam.updates.places import HERE, Places, release
from pi_cam.updates.plan import Plan
from pi_cam.updates.web_file import NO_ADDRESS, Deadline, checked, opened

log = logging.getLogger(__name__)

State = Literal["nothing", "looking", "waiting", "fetching", "installing"]
STATES: tuple[State, ...] = ("nothing", "looking", "waiting", "fetching", "installing")
Asked = Literal["look", "install"]

LONGEST_PAUSE = 600.0
STOP_SECONDS = 1.5
HEAD_SECONDS = 30.0
PAYLOAD_SECONDS = 3600.0
WATCHED_PAUSE = 60.0
WATCHED_SECONDS = 4 * 3600.0
"""So long it waits for somebody who watches to leave; a screen on a wall would keep it from updates for ever."""

DAY_SECONDS = 86_400.0
PUT_OFF_DAYS_MOST = 60

NOWHERE = "It is not known where updates of this camera lie: none is looked for."
NO_KEY = "This pi-cam knows no key for updates: put one into /etc/pi-cam/update-keys."
NOTHING_FOUND = "No update was found that could be installed."
NOT_NOW = "The update was put off."


class ReleaseWatch:
    """A `Subsystem`. `folder`: the data folder; `is_watched`: whether somebody watches now; `note`: writes into the
    journal; `clock`: seconds since 1970; `monotonic`: seconds since whenever; `chance`: 0 to 1."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        is_watched: Callable[[], bool],
        note: Callable[..., object],
        places: Places = HERE,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        pause: Callable[[float], object] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._file, self._settings, self._is_watched, self._note = (
            folder / "updates/plan.json",
            settings,
            is_watched,
            note,
        )
        self._own = folder == places.data
        self._places, self._clock, self._monotonic, self._chance = places, clock, monotonic, chance
        self._context = context
        self._lock = threading.Lock()
        self._wake, self._ended = threading.Event(), threading.Event()
        self._pause = pause or self._wake.wait
        self._plan = Plan.read(self._file)
        self._doing: State = "nothing"
        self._asked: Asked | None = None
        self._hurried = False
        self._began = monotonic()
        self._offset = self._new_offset()
        self._thread = threading.Thread(target=self._run, name="releases", daemon=True)

    def start(self) -> None:
        """Begins, on a machine where updates are installed."""
        if self._is_here() is None:
            self._thread.start()

    def stop(self) -> None:
        """Ends; what is being fetched is left."""
        self._ended.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def state(self) -> dict[str, object]:
        """For the API."""
        plan, now, hindrance, on = self._plan, self._clock(), self.hindrance(), self._settings.flag("updates")
        newer = plan.release > release()
        return {
            "state": self._shown_state(),
            "on": on,
            "hindrance": hindrance,
            "found": {"version": plan.version, "release": plan.release} if newer else None,
            "given_up": newer and plan.tried >= plan.release,
            "put_off_until": plan.put_off_until if self._is_put_off() else None,
            "looked_at": plan.looked_at or None,
            "next_at": now + self._seconds_left() if on and not hindrance else None,
            "trouble": plan.trouble or None,
        }

    def hindrance(self) -> str | None:
        """Why nothing is looked for here, whoever asks: a sentence, or None."""
        hindrance = self._is_here()
        if hindrance is not None:
            return hindrance
        if not self._settings.text("updates_address"):
            return NOWHERE
        try:
            checked(self._url(), by_operator=self._by_operator())
            return None if trusted.load() else NO_KEY
        except (SettingError, UpdateRefused) as error:
            return str(error)

    def look_now(self) -> None:
        """Somebody wants to know. Raises `Conflict`."""
        self._ask("look")

    def install_now(self) -> None:
        """Somebody wants it now, whoever watches, and also one that was put off, or did not work. Raises `Conflict`."""
        if self._plan.release <= release():
            raise Conflict(NOTHING_FOUND)
        self._ask("install")

    def put_off(self, days: int) -> None:
        """Nothing is installed by itself for so many days (0 to `PUT_OFF_DAYS_MOST`) from now; 0: at the next occasion.
        Raises `Conflict` when it is too late, `StoreError`."""
        if self._shown_state() == "installing":
            raise Conflict(inbox.UNDER_WAY)
        try:
            self._change(put_off_until=self._clock() + days * DAY_SECONDS if days else 0.0)
        except OSError as error:
            raise StoreError(f"The update cannot be written: {error.strerror}.") from error
        self._wake.set()

    def step(self) -> float:
        """Does what is due; in how many seconds to call it again, at the latest."""
        asked = self._take_word()
        if asked is None and (not self._settings.flag("updates") or self._seconds_left() > 0 or self.hindrance()):
            return min(LONGEST_PAUSE, self._seconds_left() or LONGEST_PAUSE)
        handling: Manifest | None = None
        self._hurried = asked == "install"
        try:
            handling = self._look()
            if handling is not None and asked != "look" and self._is_wanted(handling):
                self._fetch(handling)
        except Conflict as error:  # somebody else's update, or a word of the owner's in the meantime
            log.info("no update", extra={"reason": str(error)})
        except (PiCamError, OSError) as error:
            if not self._ended.is_set():  # else it is we who broke it off
                self._failed(error, handling)
        finally:
            self._doing, self._offset = "nothing", self._new_offset()
        return min(LONGEST_PAUSE, self._seconds_left())

    def _look(self) -> Manifest | None:
        """What is newer than what runs. Of the file only the description is read. Raises `UpdateRefused`,
        `ReleasesUnreachable`, `SettingError`, `OSError`."""
        self._doing = "looking"
        with opened(self._url(), self._deadline(), by_operator=self._by_operator(), context=self._context) as file:
            manifest = Coming(file, trusted.load()).manifest
        machine = Machine.here(release())
        if manifest.release <= machine.release:
            self._change(looked_at=self._clock(), trouble="", version="", release=0)
            return None
        machine.admit(manifest)
        self._change(looked_at=self._clock(), trouble="", version=manifest.version, release=manifest.release)
        return manifest

    def _fetch(self, found: Manifest) -> None:
        until = self._clock() + WATCHED_SECONDS
        self._let_watch(found, until)
        self._doing = "fetching"
        deadline = self._deadline()
        with opened(self._url(), deadline, by_operator=self._by_operator(), context=self._context) as file:
            coming = Coming(file, trusted.load())
            inbox.check_room(coming.manifest, self._places)
            deadline.extend(PAYLOAD_SECONDS)
            inbox.deliver(coming, self._places, lambda manifest: self._hand_over(manifest, until))

    def _hand_over(self, manifest: Manifest, until: float) -> None:
        self._let_watch(manifest, until)
        self._change(tried=manifest.release, version=manifest.version, release=manifest.release)
        self._doing = "installing"

    def _let_watch(self, manifest: Manifest, until: float) -> None:
        """Waits until nobody watches, or until `until`. Raises `Conflict` when it is not wanted any more."""
        while not self._ended.is_set():
            self._hurried = self._hurried or self._take_word() == "install"
            if not self._is_wanted(manifest):
                raise Conflict(NOT_NOW)
            if self._hurried or self._clock() >= until or not self._is_watched():
                return
            self._doing = "waiting"
            self._pause(WATCHED_PAUSE)
            self._wake.clear()
        raise Conflict(NOT_NOW)

    def _is_wanted(self, manifest: Manifest) -> bool:
        by_itself = self._settings.flag("updates") and not self._is_put_off() and manifest.release > self._plan.tried
        return self._hurried or by_itself

    def _failed(self, error: Exception, handling: Manifest | None) -> None:
        """Once in the journal, however often it happens."""
        sentence = str(error) if isinstance(error, PiCamError) else f"The update cannot be written: {error}."
        before = self._plan.trouble
        refused = isinstance(error, UpdateRefused)
        tried = max(self._plan.tried, handling.release) if refused and handling else self._plan.tried
        try:
            self._change(looked_at=self._clock(), trouble=sentence, tried=tried)
        except OSError as worse:
            log.warning("updates: %s", worse)
        if sentence == before:
            return
        log.warning("no update", extra={"trouble": sentence})
        if refused:
            self._note("update-refused", result="refused", reason=sentence)
        else:
            self._note("update-look-failed", result="failed", reason=sentence)

    def _ask(self, what: Asked) -> None:
        hindrance = self.hindrance()
        if hindrance is not None:
            raise Conflict(hindrance)
        state = self._shown_state()
        if state not in ("nothing", "waiting") or (state == "waiting" and what == "look"):
            raise Conflict(inbox.UNDER_WAY)
        with self._lock:
            self._asked = what
        if self._doing == "nothing":
            self._doing = "looking"
        self._wake.set()

    def _take_word(self) -> Asked | None:
        with self._lock:
            asked, self._asked = self._asked, None
        return asked

    def _is_here(self) -> str | None:
        """None where it is; else a sentence."""
        try:
            inbox.check_place(self._places)
        except Conflict as error:
            return str(error)
        return None if self._own else inbox.NOT_HERE

    def _shown_state(self) -> State:
        return "installing" if inbox.under_way(self._places) else self._doing

    def _is_put_off(self) -> bool:
        """Not where the clock was wrong when it was put off."""
        return 0 < self._plan.put_off_until - self._clock() <= PUT_OFF_DAYS_MOST * DAY_SECONDS

    def _url(self) -> str:
        address = self._settings.text("updates_address")
        if any(sign in address for sign in "?#"):
            raise SettingError(NO_ADDRESS)
        return f"{address.rstrip('/')}/{file_name(Machine.here(release()))}"

    def _by_operator(self) -> bool:
        return self._settings.set_by("updates_address") == "environment"

    def _deadline(self) -> Deadline:
        return Deadline(HEAD_SECONDS, self._monotonic, self._ended.is_set)

    def _seconds_left(self) -> float:
        last = self._plan.looked_at or self._plan.begun_at
        hour, zone = self._settings.integer("updates_hour"), schedule.zone_of(self._settings.text("time_zone"))
        up = self._monotonic() - self._began
        return schedule.seconds_until(self._clock(), last, up, hour=hour, offset=self._offset, zone=zone)

    def _new_offset(self) -> float:
        return self._chance() * schedule.SPREAD_SECONDS

    def _change(self, **fields: Any) -> None:
        with self._lock:
            self._plan = replace(self._plan, **fields)
            self._plan.write(self._file)

    def _run(self) -> None:
        try:
            if not self._plan.begun_at:
                self._change(begun_at=self._clock())
        except OSError as error:
            log.warning("updates: %s", error)
        while not self._ended.is_set():
            self._pause(self.step())
            self._wake.clear()  # whatever it was said for, the next step finds
