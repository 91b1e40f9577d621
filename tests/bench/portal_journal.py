"""Rows of one device's journal on their way into the portal's database, and how they are looked at."""

from __future__ import annotations

import time

from flask import Flask

from tests.bench import report
from tests.bench.report import Rows
from tests.portal.forwarding import paired
from tests.portal.post_office import PostOffice
from tests.portal.speaking import Speaker
from tests.portal.visitor import Visitor
from tests.portal.walk import ZOE

ROWS, AT_ONCE, VIEWS = 10_000, 200, 20


def measure(app: Flask, office: PostOffice, rows: Rows) -> None:
    """Takes them in as a device sends them, then opens the page that checks the whole chain, and once more what counts
    from then on. Raises `RuntimeError` when a row is missing there."""
    zoe = Visitor(app, office).join(ZOE)
    scribe = paired(zoe, Speaker(app))
    batches = [scribe.batch(AT_ONCE) for _ in range(ROWS // AT_ONCE)]
    begun = time.perf_counter()
    for batch in batches:
        answer = scribe.say(batch)
        if answer.status_code != 200:
            raise RuntimeError(answer.text)
    rows[f"{ROWS:,} rows of a journal taken in"] = report.figure(time.perf_counter() - begun, "s", 30)
    path = f"/journal?device={scribe.device.id}"
    rows[f"the page that checks the chain of {ROWS:,}"] = report.figure(_seconds(zoe, path), "s", 5)
    rows["the same page again"] = report.times([1_000 * _seconds(zoe, path) for _ in range(VIEWS)], 50)


def _seconds(zoe: Visitor, path: str) -> float:
    begun = time.perf_counter()
    page = zoe.get(path).text
    found = time.perf_counter() - begun
    if f"Whole up to row {ROWS}" not in page:
        raise RuntimeError("the chain is not whole")
    return found
