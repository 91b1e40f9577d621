"""`make bench-peers`: this sender beside others, on one clip, in one run. See `METHOD` in peer_table.py.

ROUNDS, SECONDS (of each look), MANY (viewers of the third look; 0: none), FIRST (pictures in Chromium per round; 0: no
browser), PEERS (names, with commas) change what is done.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from pi_cam.transport.webrtc_ciphers import accelerates_aes, processor
from tests import network
from tests.bench import peer_page, peer_table, report, stamped_clip
from tests.bench.light_viewers import Count, watching
from tests.bench.peer_door import Door, opened
from tests.bench.peer_table import Look, Measured
from tests.bench.peers import PEERS
from tests.bench.peers.peer import Clip, Peer
from tests.clips import CACHE, made, nal_units_of
from tests.e2e.conftest import CHROMIUM, FLAGS
from tests.process_figures import cpu_seconds, own_bytes

FEW = 8
MANY_ONLY = ("ours", "aiortc", "bound", "bound-each")
CLIP_SECONDS = 4
"""A look takes a multiple of it, so that all see the same pictures."""

SETTLE_SECONDS = 1.5


def main() -> int:
    """Measures, prints, writes. Fails when a peer that is here could not be measured."""
    rounds, seconds = int(os.environ.get("ROUNDS") or 3), float(os.environ.get("SECONDS") or 4 * CLIP_SECONDS)
    many, first = int(os.environ.get("MANY") or 30), int(os.environ.get("FIRST") or 7)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that all that was started ends, too
    network.enter()
    if network.problem() is not None:
        sys.stderr.write(f"A network namespace is needed: {network.problem()}\n")
        return 1
    _rename_interfaces()
    peers = _here(os.environ.get("PEERS") or ",".join(PEERS))
    found = {peer.name: Measured(peer.title, peer.version()) for peer in peers}
    with opened(peer_page.PAGE) as door:
        plain, stamped = clips(report.ROOT / "build/peers")
        for number in range(rounds):
            for peer in peers:
                _say(f"round {number + 1} of {rounds}: {peer.name}")
                looks = [1, FEW, *([many] if many and peer.name in MANY_ONLY else [])]
                with ExitStack() as stack:
                    _running(stack, peer, plain, door)
                    found[peer.name].rounds.append([*_looks(stack, door, peer, looks, seconds)])
                if peer.way != "datagrams" and first:
                    _in_browser(peer, plain, stamped, door, found[peer.name], first)
    peer_table.publish(found, FEW, many)
    return 0


def _rename_interfaces() -> None:
    """libnice leaves out what is called veth, as it is mostly a container's. IPv6 addresses do not outlive it."""
    for number in (0, 1):
        for change in (["down"], ["name", f"lan{number}"]):
            subprocess.run(["ip", "link", "set", f"veth{number}", *change], check=True)
    for number in (0, 1):
        subprocess.run(["ip", "link", "set", f"lan{number}", "up"], check=True)


def clips(folder: Path) -> tuple[Clip, Clip]:
    """The clip of all, without stamps and with: in the checkout, which is all that the trixie root shows."""
    path = CACHE / f"1080p30-{CLIP_SECONDS}s.mp4"
    file = made(path, width=1920, height=1080, seconds=CLIP_SECONDS, bits_per_second=4_000_000)
    found = []
    cipher = "gcm" if accelerates_aes(processor()) else "cm"
    pictures = nal_units_of(file)
    for stamped in (False, True):
        path = folder / f"pictures-{stamped}"
        path.parent.mkdir(parents=True, exist_ok=True)
        stamped_clip.write(path, pictures, stamped=stamped)
        found.append(Clip(file, path, stamped, cipher))
    return found[0], found[1]


def _here(names: str) -> list[Peer]:
    found = []
    for name in names.split(","):
        module, _, kind = PEERS[name].partition(":")
        peer: Peer = getattr(import_module(f"tests.bench.peers.{module}"), kind)()
        if lacks := peer.missing():
            _say(f"skipped: {peer.title} (needs {lacks})")
            if os.environ.get("CI") == "true" and name not in ("go2rtc", "mediamtx"):
                sys.exit(f"this build machine lacks {lacks}")
        else:
            found.append(peer)
    return found


def _running(stack: ExitStack, peer: Peer, clip: Clip, door: Door) -> None:
    peer.start(clip)
    stack.callback(peer.stop)
    door.peer = peer


def _looks(stack: ExitStack, door: Door, peer: Peer, numbers: list[int], seconds: float) -> list[Look]:
    """With so many viewers, one look after another."""
    viewers, watchers, found = 0, [], []
    for number in numbers:
        watchers.append(stack.enter_context(watching(door.url, number - viewers)))
        viewers = number
        time.sleep(SETTLE_SECONDS)
        counts, cpu, began = [one.count() for one in watchers], cpu_seconds(peer.root()), time.monotonic()
        time.sleep(seconds)
        spent, passed = cpu_seconds(peer.root()) - cpu, time.monotonic() - began
        after = [one.count() for one in watchers]
        packets, pictures, lost = (_grown(counts, after, name) for name in ("packets", "pictures", "lost"))
        look = Look(viewers, spent, passed, packets, pictures, lost, own_bytes(peer.root()), after[0].cipher)
        _say(f"  {look}")
        found.append(look)
    return found


def _grown(before: list[Count], after: list[Count], name: str) -> int:
    return sum(getattr(late, name) - getattr(early, name) for early, late in zip(before, after, strict=True))


def _in_browser(peer: Peer, plain: Clip, stamped: Clip, door: Door, found: Measured, times: int) -> None:
    """One viewer is there already, so that the camera is open wherever the new one comes in."""
    with sync_playwright() as playwright:
        for clip in (plain, stamped):
            with ExitStack() as stack:
                _running(stack, peer, clip, door)
                stack.enter_context(watching(door.url, 1))
                for _ in range(peer_page.SCREENS if clip.stamped else 1):
                    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
                    page = browser.new_page()
                    page.goto(door.url)
                    _look_at(page, peer, found, times, stamped=clip.stamped)
                    browser.close()


def _look_at(page: Page, peer: Peer, found: Measured, times: int, *, stamped: bool) -> None:
    if stamped:
        found.delays.append(peer_page.delays(page, peer.way, peer_page.PICTURES))
    else:
        found.first_pictures += peer_page.first_pictures(page, peer.way, times)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
