"""Forwards the journal to the portal: from the moment on at which somebody at home said yes, oldest first, each row once.

The portal says with each answer which row it holds last, number and hash; from there it goes on. So nothing is lost or
comes twice, whatever breaks between a batch and its answer. What it says is checked against what was sent: a portal that
lost rows, or has others, is noted in the journal here.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from pi_cam.errors import PiCamError, PortalRefused, PortalUnreachable
from pi_cam.journal import Journal
from pi_cam.journal.actions import RESULTS, Row
from pi_cam.journal.ledger import Filter
from pi_cam.remote import forwarding
from pi_cam.remote.forwarding import Mark, Progress
from pi_cam.remote.portal_answers import Client
from pi_cam.remote.portal_client import PROTOCOL
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.pairing import Portal
from web.journal.forwarded import (
    HASH_BYTES,
    HEAD_PURPOSE,
    LARGEST_NUMBER,
    LONGEST_DETAIL,
    LONGEST_WORD,
    Forwarded,
    head_text,
)

log = logging.getLogger(__name__)

BATCH_ROWS = 200
BATCH_BYTES = 48 * 1024
"""The portal takes 64 KiB at once."""

PAGE_ROWS = 500
SOON_SECONDS = 1.0
"""Between two batches: what else is to be said is not kept waiting."""

NEVER = float("inf")
BEGUN, GAP = "journal-begun", "gap"
ALTERED, TOO_LONG = "altered", '{"too_long":true}'
ACTION = re.compile(r"[a-z0-9-]{1,100}", re.ASCII)

Steps = list[tuple[Forwarded, Mark]]
"""Rows as the portal gets them, and the place behind each."""


class JournalForward:
    """`begin` and `state` from any thread; the rest from the one that speaks to the portal."""

    def __init__(self, journal: Journal, folder: Path, key: DeviceKey, clock: Callable[[], float] = time.time) -> None:
        self._journal = journal
        self._folder = folder
        self._key = key
        self._clock = clock
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._ahead: Mark | None = None
        self._said: object = None
        self._trouble: str | None = None

    def begin(self, portal: Portal) -> None:
        """Somebody at home said yes: rows from now on are for this portal. What goes wrong is tried again with the first
        word to it."""
        try:
            self._of(portal)
        except PiCamError as error:
            self._troubled(error)

    def state(self) -> dict[str, object]:
        """How many rows the portal has, and why it takes none."""
        progress = self._progress
        return {"rows": progress.held.seq if progress else 0, "trouble": self._trouble}

    def head(self, portal: Portal) -> dict[str, Any] | None:
        """The newest row here, with the number that it will have there, signed; None while the journal cannot be read."""
        try:
            return self._signed(portal, self._newest(self._of(portal)))
        except PiCamError as error:
            self._troubled(error)
            return None

    def step(self, client: Client, portal: Portal, answer: dict[str, Any]) -> float:
        """Takes what the portal says that it holds (`journal` in the answer to presence: `{"seq", "hash"}`), and sends one
        batch. In how many seconds there is more to send; `NEVER`: not that we know. Without an answer it goes on from what
        was said last; not after any trouble, nor when the portal says nothing of it. Raises `PortalUnreachable`, and
        `PortalRefused` when the pairing is over."""
        said, self._said = answer.get("journal", self._said), None
        if said is None:
            return NEVER
        try:
            self._heard(portal, said)
            batch = self._batch(portal)
            if batch is not None:
                said = client.say("journal", batch).get("journal")
                self._heard(portal, said)
        except PortalUnreachable:
            raise
        except PiCamError as error:
            if isinstance(error, PortalRefused) and error.code == "unpaired":
                raise
            self._troubled(error)
            return NEVER
        self._said, self._trouble = said, None
        return NEVER if batch is None else SOON_SECONDS

    def _batch(self, portal: Portal) -> dict[str, Any] | None:
        """The next rows, as the portal takes them; None when it has all."""
        progress = self._mended(self._of(portal))
        rows, last = _that_fit(self._next(progress.held, BATCH_ROWS))
        if not rows:
            return None
        self._keep(replace(progress, sent=last))
        head = self._signed(portal, last)
        return {"previous": bytes_to_base64url(progress.held.hash), "rows": rows, "head": head}

    def _heard(self, portal: Portal, said: object) -> None:
        """What the portal holds: what was sent, or what it had before. Anything else is noted."""
        seq, row_hash = _place_in(said)
        progress = self._of(portal)
        held = progress.held
        if held.is_behind(seq, row_hash):
            return
        found = progress.sent if progress.sent.is_behind(seq, row_hash) else self._way(held, seq)
        if found.is_behind(seq, row_hash):
            self._keep(replace(progress, held=found, sent=found))
            return
        lost = progress.at(seq, row_hash)
        if lost is not None and self._way(lost, held.seq).is_behind(held.seq, held.hash):
            self._note("portal-journal-behind", portal, seq, held.seq)
            self._keep(replace(progress, held=lost, sent=lost))
            return
        self._note("portal-journal-differs", portal, seq, held.seq)
        self._go_on_from(progress, replace(held, seq=seq, hash=row_hash))

    def _way(self, start: Mark, seq: int) -> Mark:
        """As far towards row `seq` of the portal as our own rows lead from `start`."""
        mark = start
        while mark.seq < seq and (steps := self._next(mark, min(PAGE_ROWS, seq - mark.seq))):
            mark = steps[-1][1]
        return mark

    def _newest(self, progress: Progress) -> Mark:
        mark = self._ahead if self._ahead is not None and self._ahead.seq >= progress.held.seq else progress.held
        while steps := self._next(mark, PAGE_ROWS):
            mark = steps[-1][1]
        self._ahead = mark
        return mark

    def _next(self, mark: Mark, limit: int) -> Steps:
        """At most `limit` rows that follow on this place; none where the row behind it is missing, or is another one."""
        rows = self._journal.oldest(mark.id - 1 if mark.own else mark.id, limit + 1)
        if mark.own and rows and (rows[0].id, rows[0].hash) == (mark.id, mark.own):
            rows = rows[1:]
        if not rows or rows[0].id != mark.id + 1:
            return []
        steps: Steps = []
        for row in rows[:limit]:
            steps.append(step_behind(mark, row))
            mark = steps[-1][1]
        return steps

    def _mended(self, progress: Progress) -> Progress:
        """The same, unless rows went before they were forwarded, or this is not the journal that was there: then what
        follows goes on from there, and a row says so."""
        held = progress.held
        rows = self._journal.oldest(held.id - 1 if held.own else held.id, 1)
        if not rows and not held.own and self._journal.last()[0] == held.id:
            return progress
        if rows and rows[0].id == held.id + (not held.own) and held.own in (b"", rows[0].hash):
            return progress
        if rows and rows[0].id > held.id:
            if rows[0].id == held.id + 1:
                return progress
            self._journal.append(GAP, result="failed", why="not forwarded in time", count=rows[0].id - held.id - 1)
            return self._go_on_from(progress, Mark(held.seq, held.hash, rows[0].id - 1))
        self._journal.append(GAP, result="failed", why="another journal")
        return self._go_on_from(progress, Mark(held.seq, held.hash, self._first_of_another(progress)))

    def _first_of_another(self, progress: Progress) -> int:
        """The row after which a journal is for the portal that is not the one that was there: one that was begun since the
        pairing, all of it; of any other nobody can say which rows are from before, so only what is new."""
        first = self._journal.oldest(0, 1)
        if first and first[0].action == BEGUN and first[0].at >= progress.begun_at:
            return 0
        newest = self._journal.rows(Filter(), 1)
        return newest[0].id - (newest[0].action == GAP) if newest else 0

    def _of(self, portal: Portal) -> Progress:
        with self._lock:
            progress = self._progress or forwarding.load(self._folder)
            if progress is None or (progress.portal, progress.paired_at) != (portal.address, portal.paired_at):
                last = self._journal.last()
                progress = forwarding.begun(portal.address, portal.paired_at, self._key.id, self._clock(), *last)
                forwarding.save(self._folder, progress)
                self._ahead = self._said = None
            self._progress = progress
            return progress

    def _go_on_from(self, progress: Progress, mark: Mark) -> Progress:
        self._ahead = None
        return self._keep(replace(progress, held=mark, sent=mark, run=mark))

    def _keep(self, progress: Progress) -> Progress:
        with self._lock:
            if progress != self._progress:
                forwarding.save(self._folder, progress)
            self._progress = progress
        return progress

    def _signed(self, portal: Portal, mark: Mark) -> dict[str, Any]:
        at = round(self._clock() * 1000)
        what = head_text(self._key.id, mark.seq, mark.hash, at)
        signature = self._key.sign(f"{PROTOCOL}\n{HEAD_PURPOSE}\n{portal.address}\n{what}".encode())
        written = {"hash": bytes_to_base64url(mark.hash), "signature": bytes_to_base64url(signature)}
        return {"seq": mark.seq, "at": at, **written}

    def _note(self, action: str, portal: Portal, there: int, sent: int) -> None:
        log.warning(
            "the portal's copy of the journal is not as it was sent",
            extra={"word": action, "there": there, "sent": sent},
        )
        self._journal.append(action, result="failed", portal=portal.address, portal_has=there, sent=sent)

    def _troubled(self, error: PiCamError) -> None:
        if str(error) != self._trouble:
            log.warning("the journal is not forwarded", extra={"trouble": str(error)})
        self._trouble = str(error)


def step_behind(mark: Mark, row: Row) -> tuple[Forwarded, Mark]:
    """The row behind this place, as the portal gets it, and the place behind it. Somebody may have written into the file:
    what no portal would take is made harmless, and always in the same way."""
    at = max(-LARGEST_NUMBER, min(LARGEST_NUMBER, round(row.at * 1000)))
    action = row.action if ACTION.fullmatch(row.action) else ALTERED
    result = row.result if row.result in RESULTS else "failed"
    detail = row.detail if len(row.detail) <= LONGEST_DETAIL else TOO_LONG
    forwarded = Forwarded(mark.seq + 1, at, _word(row.actor), action, _word(row.camera), result, detail)
    return forwarded, Mark(forwarded.seq, forwarded.hash(mark.hash), row.id, row.hash)


def _word(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:LONGEST_WORD])


def _that_fit(steps: Steps) -> tuple[list[dict[str, Any]], Mark]:
    """As many as the portal takes at once, one at least, and the place behind the last of them."""
    rows: list[dict[str, Any]] = []
    last, room = Mark(0, b"", 0), BATCH_BYTES
    for row, mark in steps:
        written = {**asdict(row), "hash": bytes_to_base64url(mark.hash)}
        room -= len(json.dumps(written))
        if rows and room < 0:
            break
        rows.append(written)
        last = mark
    return rows, last


def _place_in(said: object) -> tuple[int, bytes]:
    """Raises `PortalUnreachable` for what makes no sense."""
    seq, row_hash = (said.get("seq"), said.get("hash")) if isinstance(said, dict) else (None, None)
    try:
        known = base64url_to_bytes(row_hash) if isinstance(row_hash, str) else b""
    except ValueError:
        known = b""
    if type(seq) is not int or not 0 <= seq < LARGEST_NUMBER or len(known) != HASH_BYTES:
        raise PortalUnreachable("The portal's answer makes no sense.")
    return seq, known
