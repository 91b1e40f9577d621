"""What ends what somebody opened on a device: the last day of any share, and rights that change while they come in."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, delete, select, update

from pi_cam.trust import entry
from tests.portal.conftest import Hands
from tests.portal.post_office import PostOffice
from tests.portal.speaking import Speaker
from tests.portal.test_devices import MAX, ZOE, other, pair
from tests.portal.test_sharing import TWO, share, way_in
from tests.portal.visitor import Visitor
from web.portal.accounts.models import User
from web.portal.database import db
from web.portal.devices import epochs, shares
from web.portal.devices.models import Device, Epoch


@pytest.fixture
def device(app: Flask) -> Speaker:
    return Speaker(app)


@pytest.fixture
def zoe(visitor: Visitor, device: Speaker) -> Visitor:
    visitor.join(ZOE)
    pair(visitor, device)
    device.presence(cameras=TWO)
    return visitor


@pytest.fixture
def max_(app: Flask, office: PostOffice) -> Visitor:
    return other(app, office)


def told(device: Speaker, subject: str) -> int | None:
    """What the device hears of this account, by which it ends what has a lower one; None ends all."""
    epoch: int | None = device.say("epoch", {"subjects": [subject]}).get_json()["epochs"].get(subject)
    return epoch


def share_two(zoe: Visitor, max_: Visitor, device: Speaker, hands: Hands) -> entry.Entry:
    """One until tomorrow, one without an end; the way in with both."""
    share(zoe, max_, device, "main.view", until=f"{hands() + timedelta(days=1):%Y-%m-%d}")
    share(zoe, max_, device, "garden.view")
    return way_in(max_, device)


def later(max_: Visitor, device: Speaker, hands: Hands) -> None:
    hands.on(days=2)
    max_.sign_in(MAX)
    device.sign_in()


def test_what_was_opened_ends_with_the_last_day_of_one_of_two_shares(
    zoe: Visitor, max_: Visitor, device: Speaker, hands: Hands
) -> None:
    before = share_two(zoe, max_, device, hands)
    assert told(device, before.subject) == before.epoch
    later(max_, device, hands)
    raised = told(device, before.subject)
    assert raised is not None
    assert raised > before.epoch
    assert told(device, before.subject) == raised, "once"
    after = way_in(max_, device)
    assert after.epoch == raised
    assert after.on == {"garden": {"view"}}, "they come in again with what is left"
    assert told(device, before.subject) == after.epoch


def test_it_does_so_whoever_asks_first(zoe: Visitor, max_: Visitor, device: Speaker, hands: Hands) -> None:
    before = share_two(zoe, max_, device, hands)
    later(max_, device, hands)
    after = way_in(max_, device)
    assert after.epoch > before.epoch
    assert told(device, before.subject) == after.epoch


def test_an_epoch_that_ran_ahead_of_the_clock_is_raised_too(
    zoe: Visitor, max_: Visitor, device: Speaker, hands: Hands, engine: Engine
) -> None:
    """As a guest can have it who changes their password again and again."""
    share_two(zoe, max_, device, hands)
    with engine.begin() as connection:
        connection.execute(update(Epoch).values(epoch=Epoch.epoch + 10_000_000))
    before = way_in(max_, device)
    later(max_, device, hands)
    assert told(device, before.subject) == before.epoch + 1


def test_a_last_day_that_is_put_off_counts_again(zoe: Visitor, max_: Visitor, device: Speaker, hands: Hands) -> None:
    before = share_two(zoe, max_, device, hands)
    later(max_, device, hands)
    assert told(device, before.subject) != before.epoch
    zoe.sign_in(ZOE)
    share(zoe, max_, device, "main.view", until=f"{hands() + timedelta(days=1):%Y-%m-%d}")
    again = way_in(max_, device)
    assert set(again.on) == {"main", "garden"}
    later(max_, device, hands)
    assert told(device, before.subject) == way_in(max_, device).epoch != again.epoch


def test_who_may_come_in_has_an_epoch_before_they_come(
    zoe: Visitor, max_: Visitor, device: Speaker, engine: Engine
) -> None:
    share(zoe, max_, device, "main.view")
    with engine.connect() as connection:
        having = select(User.email).join(Epoch, Epoch.user_id == User.id)
        assert set(connection.scalars(having)) == {ZOE, MAX}


def test_rights_that_change_while_somebody_comes_in_for_the_first_time(
    app: Flask, zoe: Visitor, max_: Visitor, device: Speaker, engine: Engine
) -> None:
    share(zoe, max_, device, "main.view", "main.talk")
    with engine.begin() as connection:
        connection.execute(delete(Epoch))
        number = connection.execute(select(User.id).where(User.email == MAX)).scalar_one()
    found: list[entry.Entry] = []
    coming = threading.Thread(target=lambda: found.append(way_in(max_, device)))
    with app.app_context():
        ours = db.session.get(Device, device.id)
        assert ours is not None
        shares.change(ours, number, {"main": ["view"]}, {})
        coming.start()
        coming.join(0.5)
        assert coming.is_alive(), "they wait for what becomes of it"
        db.session.commit()
    coming.join(10)
    assert [one.on for one in found] == [{"main": {"view"}}]
    with app.app_context():
        assert epochs.of(device.id, number) == found[0].epoch


def test_an_epoch_begins_where_there_is_none_to_raise(app: Flask, zoe: Visitor, device: Speaker) -> None:
    with app.app_context():
        number = db.session.scalars(select(User.id)).one()
        db.session.execute(delete(Epoch))
        epochs.raise_one(device.id, number)
        db.session.commit()
        first = epochs.of(device.id, number)
        epochs.raise_one(device.id, number)
        db.session.commit()
        assert epochs.of(device.id, number) == first + 1
