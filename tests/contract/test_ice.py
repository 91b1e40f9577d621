"""How a viewer finds the device: at home, through the tunnel, with a portal that answers, and with one that does not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from pi_cam.api import ice
from pi_cam.remote.portal_client import Answer
from pi_cam.transport.ice import Ice
from pi_cam.transport.viewers import Visitor
from tests.contract.application import Application, running
from tests.portal_double import ISSUER, Signer

HOST = "cam.example.org"
STUN = "stun:stun.example.org:3478"
ASKED = {"viewer": "0123456789abcdef0123456789abcdef"}
LENT: dict[str, Any] = {
    "ice_servers": [
        {
            "urls": ["turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:443?transport=tcp"],
            "username": "1790003600:abcdefghij234567abcd",
            "credential": "c2VjcmV0IGZvciBvbmUgaG91cg==",
        }
    ],
    "seconds": 3600,
}
"""What a device says to `POST /device/v1/ice`, and what the portal answers."""


class Portal:
    """Answers as above, and keeps who was asked for."""

    address = ISSUER

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def authorize(self, device: dict[str, Any], nonce: str) -> dict[str, Any]:
        raise AssertionError

    def poll(self, device_code: str) -> Answer:
        raise AssertionError

    def say(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        assert noun == "ice"
        self.asked.append(body)
        return LENT


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("ice"), PI_CAM_TUNNEL_HOST=HOST, PI_CAM_ICE_SERVERS=STUN) as application:
        application.owner()
        yield application


@pytest.fixture
def paired(device: Application) -> Iterator[Application]:
    portal = Signer()
    device.services.pairing.claimed(ISSUER, "a***@example.org", portal.keys)
    device.services.pairing.accept("a***@example.org")
    yield device
    device.services.pairing.forget()


def visitor(account: str, role: str = "member") -> Visitor:
    return Visitor(f"portal {account}", "ada@example.org", f"session of {account}", owner=False, role=role)


def lent(device: Application, who: Visitor, listener: str = "tunnel") -> tuple[Ice, float]:
    """And how long it took."""
    with device.flask.test_request_context(environ_overrides={"pi_cam.listener": listener}):
        lend = ice.lender(device.services, who)
    began = time.monotonic()
    return device.services.loop.call(lend(), 5), time.monotonic() - began


def fetched(device: Application, who: Visitor) -> Portal:
    """As the thread that speaks to the portal does it, when somebody came in; that thread itself stays out of it."""
    portal, here = Portal(), device.services
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(here.relays, "_wake", lambda: None)
        here.relays.ask(ice._opaque(here, who.key))
        here.relays.fetch(portal)
    return portal


def test_at_home_nobody_needs_a_relay(paired: Application) -> None:
    found, _ = lent(paired, visitor("s1"), "lan")
    assert found == Ice.of_stun([STUN])


def test_a_device_without_a_portal_keeps_nobody_waiting(device: Application) -> None:
    found, took = lent(device, visitor("s2"))
    assert (found.servers, found.relay, took < 1) == (({"urls": STUN},), "none", True)


def test_who_comes_through_the_tunnel_is_lent_one(paired: Application) -> None:
    who = visitor("s3")
    portal = fetched(paired, who)
    found, _ = lent(paired, who)
    assert found.servers == ({"urls": STUN}, *LENT["ice_servers"])
    assert (found.relay, found.relay_only) == ("ready", False)
    assert [set(asked) for asked in portal.asked] == [set(ASKED)]
    assert len(portal.asked[0]["viewer"]) == len(ASKED["viewer"])


def test_the_portal_cannot_tell_who_it_is(paired: Application) -> None:
    names = {fetched(paired, visitor(f"portal-{number}")).asked[0]["viewer"] for number in range(3)}
    assert len(names) == 3
    assert not [name for name in names if "account-7" in name or "portal" in name]


def test_a_portal_that_is_away_is_said_and_waited_for_only_a_moment(paired: Application) -> None:
    found, took = lent(paired, visitor("s4"))
    assert (found.servers, found.relay) == (({"urls": STUN},), "missing")
    assert took < ice.WAIT_SECONDS + 1
    assert found.is_old(time.monotonic() + 6)


@pytest.mark.parametrize(
    ("setting", "role", "only"),
    [
        ("nobody", "guest", False),
        ("guests", "guest", True),
        ("guests", "member", False),
        ("guests", "owner", False),
        ("others", "guest", True),
        ("others", "member", True),
        ("others", "", True),
        ("others", "owner", False),
    ],
)
def test_by_relay_only(paired: Application, setting: str, role: str, only: bool) -> None:
    paired.services.settings.change({"relay_only": setting})
    try:
        who = visitor(f"{setting} {role}", role)
        fetched(paired, who)
        assert lent(paired, who)[0].relay_only is only
        assert lent(paired, who, "lan")[0].relay_only is False
    finally:
        paired.services.settings.change({"relay_only": "nobody"})
