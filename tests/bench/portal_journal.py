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

ROWS, AT_ONCE = 10_000, 200


def measure(app: Flask, office: PostOffice, rows: Rows) -> None:
    """Takes them in as a device sends them, then opens the page that checks the whole chain. Raises `RuntimeError` when a
    row is missing there."""
    zoe = Visitor(app, office).join(ZOE)
    scribe = paired(zoe, Speaker(app))
    batches = [scribe.batch(AT_ONCE) for _ in range(ROWS // AT_ONCE)]
    begun = time.perf_counter()
    for batch in batches:
        answer = scribe.say(batch)
        if answer.status_code != 200:
            raise RuntimeError(answer.text)
    rows[f"{ROWS:,} rows of a journal taken in"] = report.figure(time.perf_counter() - begun, "s", 30)
    begun = time.perf_counter()
    page = zoe.get(f"/journal?device={scribe.device.id}").text
    if f"Whole up to row {ROWS}" not in page:
        raise RuntimeError("the chain is not whole")
    rows[f"the page that checks the chain of {ROWS:,}"] = report.figure(time.perf_counter() - begun, "s", 5)
