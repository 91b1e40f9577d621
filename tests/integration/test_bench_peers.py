"""`make bench-peers` in short: light viewers get what is sent, all of it, and what it costs is seen."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import network
from tests.bench import bench_peers, peer_page
from tests.bench.peer_door import opened
from tests.bench.peers.bound import Bound
from tests.bench.peers.peer import Peer
from tests.bench.peers.pi_cam import PiCam
from tests.prerequisites import require


@pytest.mark.parametrize("peer", [PiCam(), Bound()], ids=lambda peer: peer.name)
def test_a_look_at_a_peer(peer: Peer, tmp_path: Path) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    require(peer.missing(), not peer.missing())
    with opened(peer_page.PAGE) as door, ExitStack() as stack:
        plain, _ = bench_peers.clips(tmp_path)
        bench_peers._running(stack, peer, plain, door)
        (look,) = bench_peers._looks(stack, door, peer, [2], 1.0)
    assert look.viewers == 2
    assert look.rate > 20
    assert look.lost < look.packets / 100
    assert 0 < look.cpu < look.seconds
    assert 10_000_000 / 8 / 1300 > look.packets / look.seconds > 4_000_000 / 8 / 1300
