"""Pictures over a relay: which side has to have it, that nothing goes another way where it must not, and that it ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pi_cam.errors import NoRelay
from pi_cam.transport.ice import Ice, Server
from pi_cam.transport.viewers import Visitor
from pi_cam.transport.webrtc_seam import GATHER_SECONDS
from tests import network
from tests.contract.application import Application, running
from tests.far_side import DEVICE, HERE, SECRET, TURN, TURNSERVER, URLS, FarSide, far_side
from tests.prerequisites import require
from web.portal.devices.relays import own_credentials
from web.portal.turn import OwnTurn

SECONDS = 6.0
BY_UDP, BY_TCP = URLS.split()


@pytest.fixture(scope="module")
def side(sender: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSide]:
    """A new one for each way of sending: the last test leads a way past the relay."""
    require("coturn (apt install coturn)", Path(TURNSERVER).exists())
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    with far_side(tmp_path_factory.mktemp("far")) as side, side.turn_server():
        yield side


@pytest.fixture(scope="module")
def camera(side: FarSide, sender: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("camera"), PI_CAM_WEBRTC_SENDER=sender) as application:
        assert application.services.door.senders.kind == sender
        application.services.tokens.create("far", frozenset({"view"}), None)
        yield application


def relay(*urls: str, seconds: float = 3600) -> Server:
    """Credentials as the portal makes them."""
    return own_credentials(OwnTurn(urls or (BY_UDP,), SECRET), "viewer", int(time.time() + seconds))


class Viewer:
    """One in the far network."""

    def __init__(self, side: FarSide, *servers: Server) -> None:
        command = [sys.executable, "-m", "tests.far_viewer", str(SECONDS), *map(json.dumps, servers)]
        self.process = subprocess.Popen(
            side.there(*command), cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.answer, self.waited = "", 0.0

    def watch(self, camera: Application, ice: Ice) -> dict[str, Any]:
        """What it saw. Raises what the door raises."""
        here = camera.services
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            offer = json.loads(self.process.stdout.readline())
            visitor = Visitor("token far", "far", None)
            opening = here.door.open("main", here.cameras.get("main").hub, visitor, offer, lambda reason: None, ice=ice)
            began = time.monotonic()
            peer, self.answer = here.loop.call(opening, 10)
            self.waited = time.monotonic() - began
            try:
                self.process.stdin.write(json.dumps(self.answer) + "\n")
                self.process.stdin.flush()
                seen: dict[str, Any] = json.loads(self.process.stdout.readline())
            finally:
                here.loop.call(peer.close("goodbye"))
        finally:
            self.process.terminate()
            self.process.wait(5)
            self.process.stdin.close()
            self.process.stdout.close()
        return seen


def addresses(answer: str) -> set[str]:
    return set(re.findall(r"\d+\.\d+\.\d+\.\d+|fd99:[0-9a-f:]+", answer)) - {"0.0.0.0"}


def test_without_a_relay_there_is_no_way(side: FarSide, camera: Application) -> None:
    seen = Viewer(side).watch(camera, Ice())
    assert (seen["pictures"], seen["sources"]) == (0, [])


@pytest.mark.parametrize("url", [BY_UDP, BY_TCP], ids=["udp", "tcp"])
def test_one_relay_is_enough_and_the_viewers_does(side: FarSide, camera: Application, url: str) -> None:
    server, udp = relay(url), relay()
    viewer = Viewer(side, server)
    seen = viewer.watch(camera, Ice((udp,), relay="ready"))
    assert seen["pictures"] == 3
    assert seen["pair"][0] == "relay"
    # The camera asked STUN, but not from the address of this machine that does not lead there.
    assert " typ srflx" in viewer.answer
    assert viewer.waited < GATHER_SECONDS


def test_the_cameras_does_too(side: FarSide, camera: Application) -> None:
    seen = Viewer(side).watch(camera, Ice((relay(),), relay="ready", relay_only=True))
    assert (seen["pictures"], seen["pair"], seen["sources"]) == (3, ["host", "relay"], [TURN])


def test_credentials_that_are_too_old_are_no_way(side: FarSide, camera: Application) -> None:
    old = relay(seconds=-1)
    assert Viewer(side, old).watch(camera, Ice((old,), relay="ready"))["pictures"] == 0
    with pytest.raises(NoRelay):
        Viewer(side).watch(camera, Ice((old,), relay="ready", relay_only=True))
    with pytest.raises(NoRelay):
        Viewer(side).watch(camera, Ice(relay="missing", relay_only=True))
    assert camera.services.door.viewers.all() == []


def test_by_relay_only_nobody_learns_where_the_home_is(side: FarSide, camera: Application) -> None:
    """Also where there is a direct way: neither the answer nor any packet tells of it."""
    side.route_directly()
    open_to_all = Viewer(side)
    seen = open_to_all.watch(camera, Ice())
    assert (seen["pictures"], DEVICE in seen["sources"], DEVICE in addresses(open_to_all.answer)) == (3, True, True)

    guest = Viewer(side)
    seen = guest.watch(camera, Ice((relay(),), relay="ready", relay_only=True))
    assert (seen["pictures"], seen["sources"]) == (3, [TURN])
    assert addresses(guest.answer) == {TURN}
