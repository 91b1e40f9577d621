"""`make bench-portal`: the portal in figures, on MariaDB. About four minutes; some of it with `python -m tests.bench.portal
PART…`, which is printed only."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import jwt
import pymysql
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, expect, sync_playwright
from sqlalchemy import Engine, select
from webauthn.helpers import bytes_to_base64url

from pi_cam.trust import entry, portal_keys
from tests import network
from tests.bench import portal_journal, report
from tests.bench.devices import Fleet, SimulatedDevice
from tests.bench.report import Rows
from tests.e2e.conftest import CHROMIUM, FLAGS, wait_for_state
from tests.portal import mariadb, planted
from tests.portal.conftest import SECRET
from tests.portal.deployed import gunicorn
from tests.portal.edge import edge
from tests.portal.post_office import PostOffice, open_post_office
from tests.portal.served import served
from tests.portal.test_statements import statements
from tests.portal.visitor import URL, Visitor
from tests.portal.walk import MAX, NAME, ZOE, join, new_page, open_from_portal, pair
from tests.server import serving
from web.portal import migrate
from web.portal.accounts.models import User
from web.portal.app import create_app
from web.portal.database import db, engine_for
from web.portal.settings import MailServer, Settings

TOKENS, PAGES = 500, 20
DEVICES, OWNERS, EVERY_SECONDS, SECONDS = 2_000, 500, 30.0, 120.0
REVOCATIONS = 3
VERSIONS = ("flask", "gunicorn", "sqlalchemy", "pymysql")
NOTE_PICTURES = """
() => {
  const video = document.querySelector('video');
  const note = () => { window.lastPicture = Date.now(); video.requestVideoFrameCallback(note); };
  video.requestVideoFrameCallback(note);
}
"""

METHOD = [
    "Made by `make bench-portal`: MariaDB (which writes each transaction to its disk), gunicorn, and whoever asks, all on",
    f"one machine of two cores ({report.machine()}), on loopback.",
    "",
    f"- *Token check*: what a device does with a token from the portal (`pi_cam/trust/entry.py`), {TOKENS} of them.",
    "- *List*: `/cameras` of somebody who has 100 devices with a camera each; processor time of the whole request, the",
    "  test's client with it. The number of statements is counted where SQLAlchemy sends them.",
    f"- *Presence*: {DEVICES:,} simulated devices of {OWNERS} people, each signed in by its own Ed25519 key, say every",
    f"  {EVERY_SECONDS:.0f} s for {SECONDS:.0f} s that they are there, to one gunicorn worker with 16 threads; each time on",
    "  a connection of its own, and every twentieth time with news of their camera. Latency as the device sees it.",
    "- *Journal*: rows of one device, 200 at once, each chained to the one before and checked; then the owner's page, which",
    "  checks all of them, and the same page once more, which checks what is new and what it shows.",
    "- *Revocation*: from the click that ends a share until the last picture that the guest's browser displays, through the",
    "  stand-in for the tunnel.",
]


def main(wanted: list[str]) -> int:
    """Measures, prints, writes."""
    network.enter()
    if network.problem() is not None:
        sys.stderr.write(f"A network namespace is needed: {network.problem()}\n")
        return 1
    rows: Rows = {}
    for name, part in PARTS.items():
        if not wanted or name in wanted:
            part(rows)
    if wanted:
        sys.stdout.write("".join(f"{what}: {row}\n" for what, row in rows.items()))
    else:
        report.write("portal", "The portal in figures", METHOD, rows, VERSIONS)
    return 0


@contextmanager
def tables() -> Iterator[tuple[Path, str, Engine, int]]:
    """A folder, a database with empty tables, and the process that keeps it."""
    with tempfile.TemporaryDirectory() as name, mariadb.running(_made(Path(name) / "mariadb")) as server:
        url = server.create("portal")
        connection = pymysql.connect(user="root", unix_socket=str(server.socket))
        with connection, connection.cursor() as cursor:
            cursor.execute("set global innodb_flush_log_at_trx_commit = 1")
        engine = engine_for(url)
        migrate.up(engine)
        try:
            assert server.process is not None
            yield Path(name), url, engine, server.process.pid
        finally:
            engine.dispose()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def settings_for(url: str, office: PostOffice) -> Settings:
    """Those of a portal in production."""
    mail = MailServer("127.0.0.1", office.port, encrypted=False, user=None, password=None)
    return Settings("production", URL, url, SECRET, mail, "portal@portal.test", "mailto:security@portal.test")


def _token(rows: Rows) -> None:
    key = Ed25519PrivateKey.generate()
    public = bytes_to_base64url(key.public_key().public_bytes_raw())
    keys = portal_keys.parse({"version": 1, "keys": {"v1": public}})
    entries, now = entry.Entries("abcdefghij234567abcd"), int(time.time())
    claims = {"iss": URL, "aud": "dev:abcdefghij234567abcd", "sub": "account-1", "name": ZOE, "role": "owner"}
    claims |= {"can": {"*": ["view", "listen", "talk"]}, "iat": now, "exp": now + 60, "epoch": 1}  # type: ignore[dict-item]
    found = []
    for _ in range(TOKENS):
        nonce = {"nonce": entries.nonce("browser")}
        token = jwt.encode(claims | nonce, key, "EdDSA", {"typ": entry.TYPE, "kid": "v1"})
        begun = time.perf_counter()
        entries.check(token, "browser", URL, keys)
        found.append(1000 * (time.perf_counter() - begun))
    rows["token check on the device"] = report.figure(statistics.median(found), "ms", 1)
    rows["token check on the device"]["spread"] = f"{min(found):.2f} to {max(found):.2f} ms of {TOKENS}"


def _list(rows: Rows) -> None:
    with tables() as (_, url, engine, _), open_post_office() as office:
        app = create_app(settings_for(url, office))
        zoe = Visitor(app, office).join(ZOE)
        asked: list[int] = []
        for more in (1, 99):
            with engine.begin() as connection:
                owner = connection.execute(select(User.id)).scalar_one()
                planted.devices(connection, [owner], [Ed25519PrivateKey.generate() for _ in range(more)])
            zoe.get("/cameras")
            with statements() as found:
                zoe.get("/cameras")
            asked.append(len(found))
        spent = []
        for _ in range(PAGES):
            begun = time.process_time()
            page = zoe.get("/cameras")
            spent.append(1000 * (time.process_time() - begun))
            assert page.text.count(">Open<") == 100
        with app.app_context():
            db.engine.dispose()
    rows["SQL statements for a list of 1 and of 100 cameras"] = {
        "value": f"{asked[0]} and {asked[1]}",
        "goal": "the same",
        "ok": asked[0] == asked[1],
    }
    rows["processor for a list of 100 cameras"] = report.times(spent, 50)


def _presence(rows: Rows) -> None:
    with tables() as (folder, url, engine, database):
        keys = [Ed25519PrivateKey.generate() for _ in range(DEVICES)]
        with engine.begin() as connection:
            ids = planted.devices(connection, planted.people(connection, OWNERS), keys)
        devices = [SimulatedDevice(name, key) for name, key in zip(ids, keys, strict=True)]
        environment = {
            "PORTAL_URL": URL,
            "DATABASE_URL": url,
            "PORTAL_SECRET_KEY": SECRET,
            "MAIL_URL": "smtp://127.0.0.1",
            "PORTAL_PROXIES": "1",
        }
        with gunicorn(folder, environment, workers=1) as server:
            fleet = Fleet(devices, server.socket, URL)
            begun = time.monotonic()
            asyncio.run(fleet.sign_in())
            took = time.monotonic() - begun
            (worker,) = server.workers()
            before, begun = (_spent(worker), _spent(database)), time.monotonic()
            heard = asyncio.run(fleet.be_there(EVERY_SECONDS, SECONDS))
            lasted = time.monotonic() - begun
            shares = [100 * (_spent(pid) - at) / lasted for pid, at in zip((worker, database), before, strict=True)]
            memory = _memory(worker)
    latency = sorted(1000 * one for one in heard.seconds)
    rows[f"{DEVICES:,} devices that sign in by their keys"] = {"value": f"{took:.0f} s in all", "goal": "", "ok": True}
    rows[f"{DEVICES:,} devices, presence every {EVERY_SECONDS:.0f} s: errors"] = {
        "value": f"{len(heard.errors)} of {len(heard.seconds) + len(heard.errors):,}",
        "spread": ", ".join(sorted(set(heard.errors))[:3]),
        "goal": "0",
        "ok": not heard.errors and len(latency) >= DEVICES * int(SECONDS / EVERY_SECONDS),
    }
    rows["latency of presence"] = {
        "value": f"{statistics.median(latency):.1f} ms",
        "spread": f"99 % within {latency[int(0.99 * len(latency))]:.0f} ms, all within {latency[-1]:.0f} ms",
        "goal": "",
        "ok": True,
    }
    for what, share in zip(("the worker", "MariaDB"), shares, strict=True):
        rows[f"processor of {what}"] = {"value": f"{share:.0f} % of a core", "goal": "", "ok": True}
    rows["memory of the worker"] = {"value": f"{memory:.0f} MB", "goal": "", "ok": True}


def _journal(rows: Rows) -> None:
    with tables() as (_, url, _, _), open_post_office() as office:
        portal_journal.measure(create_app(settings_for(url, office)), office, rows)


def _revocation(rows: Rows) -> None:
    with tables() as (folder, url, _, _), open_post_office() as office, sync_playwright() as playwright:
        environment = {"DATABASE_URL": url, "PORTAL_SECRET_KEY": SECRET, "MAIL_URL": f"smtp://127.0.0.1:{office.port}"}
        source, tunnel = "synthetic:?size=320x240&fps=30", {"PI_CAM_TUNNEL_HOST": NAME}
        device = serving(folder / "device", source, owner=True, tunnel=True, environment=tunnel)
        with served(folder / "portal.log", environment) as site, device as camera, edge(folder) as far_end:
            far_end.names[NAME] = camera.through_tunnel().address()[1]
            rules = f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{far_end.port}"
            flags = [*FLAGS, rules, "--ignore-certificate-errors"]
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
            owner = new_page(browser)
            join(owner, site, office, ZOE)
            pair(new_page(browser), owner, camera, site)
            guest = new_page(browser)
            join(guest, site, office, MAX)
            found = [_revoked(owner, guest, site, office) for _ in range(REVOCATIONS)]
            browser.close()
    rows["end of a share to the last picture"] = report.times(found, 5_000)
    rows["end of a share to the last picture"]["ok"] = max(found) <= 5_000
    rows["end of a share to the last picture"]["goal"] = "all ≤ 5000 ms"


def _revoked(owner: Page, guest: Page, site: str, office: PostOffice) -> float:
    """Milliseconds, for a guest who is invited, watches, and is sent away."""
    office.letters.clear()
    owner.goto(f"{site}/cameras")
    owner.get_by_role("link", name="Share it").click()
    owner.get_by_label("E-mail address").fill(MAX)
    owner.get_by_role("button", name="Invite").click()
    expect(owner.get_by_role("heading", name=MAX)).to_be_visible()
    guest.goto(site + office.link(MAX))
    guest.get_by_role("button", name="Take it").click()
    open_from_portal(guest, site)
    assert wait_for_state(guest, "live") == "live"
    guest.evaluate(NOTE_PICTURES)
    guest.wait_for_timeout(1_000)
    owner.reload()
    ended_at = 1000 * time.time()
    owner.get_by_role("button", name="End it").click()
    last, deadline = _last_picture(guest), time.monotonic() + 15
    while time.monotonic() < deadline and 1000 * time.time() - last < 3_000:
        guest.wait_for_timeout(50)
        last = max(last, _last_picture(guest))
    assert last > ended_at - 1_000, "the guest was watching"
    assert 1000 * time.time() - last >= 3_000, "and does no more"
    return last - ended_at


def _last_picture(page: Page) -> float:
    try:
        return float(page.evaluate("window.lastPicture || 0"))
    except PlaywrightError:  # it is on its way to another page
        return 0.0


def _spent(pid: int) -> float:
    """Seconds of processor (proc(5), stat: utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    """Megabytes (PSS)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


PARTS: dict[str, Callable[[Rows], None]] = {
    "token": _token,
    "list": _list,
    "presence": _presence,
    "journal": _journal,
    "revocation": _revocation,
}
"""One function for each kind of figure; each makes what it needs, and leaves nothing."""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
