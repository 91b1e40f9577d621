"""How often the database is asked does not grow with what somebody has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from sqlalchemy import Engine, event, select

from tests.portal import planted
from tests.portal.conftest import Hands
from tests.portal.speaking import CAMERAS, Speaker
from tests.portal.test_devices import pair
from tests.portal.visitor import Visitor
from web.portal.accounts.models import User


@contextmanager
def statements() -> Iterator[list[str]]:
    """Those that are sent to any database meanwhile."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_list_of_a_hundred_cameras_asks_as_often_as_one_of_one(zoe: Visitor, engine: Engine) -> None:
    counts = []
    for more, cameras in ((1, 1), (99, 1), (1, 100)):
        with engine.begin() as connection:
            owner = connection.execute(select(User.id)).scalar_one()
            planted.devices(connection, [owner], [Ed25519PrivateKey.generate() for _ in range(more)], cameras)
        zoe.get("/cameras")
        with statements() as found:
            page = zoe.get("/cameras").text
        counts.append((len(found), page.count(">Open<")))
    assert [shown for _, shown in counts] == [1, 100, 200]
    assert len({number for number, _ in counts}) == 1
    assert counts[0][0] <= 7


def test_presence_asks_seldom_and_writes_what_changed(app: Flask, zoe: Visitor, hands: Hands) -> None:
    many = [{**CAMERAS[0], "id": f"camera-{number}"} for number in range(100)]
    device = Speaker(app)
    pair(zoe, device)
    for cameras in (CAMERAS, many):
        with statements() as first:
            assert device.presence(cameras=cameras).status_code == 200
        hands.on(seconds=30)
        with statements() as again:
            assert device.presence(cameras=cameras).status_code == 200
        assert len(first) <= 8
        assert len(again) <= 6
        written = [statement.split()[:2] for statement in again if not statement.startswith("SELECT")]
        assert written == [["UPDATE", "devices"]]


def test_presence_keeps_the_order_and_forgets_what_is_gone(app: Flask, zoe: Visitor) -> None:
    device = Speaker(app)
    pair(zoe, device)
    one, two = {**CAMERAS[0], "name": "Zebra"}, {**CAMERAS[0], "id": "garden", "name": "Aviary"}
    for cameras in ([one, two], [two, one], [two], [two, two], [], [one, two]):
        device.presence(cameras=cameras)
        shown = zoe.get("/cameras").text
        names = list(dict.fromkeys(str(camera["name"]) for camera in cameras))
        places = [shown.find(f"<span>{name}") for name in names]
        assert -1 not in places
        assert places == sorted(places)
        assert shown.count(">Open<") == len(names)
