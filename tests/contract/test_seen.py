"""Whoever gets pictures of this room is seen: by the light, and by an update, which waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_cam import stills
from pi_cam.address_check import AddressReport
from pi_cam.hub import Hub
from pi_cam.master_switch import sign
from pi_cam.stills import GLANCE_SECONDS, TRIED, TRIED_ELSEWHERE, Glances
from tests.contract.application import OWN, Application, running
from tests.unit.test_viewers import FakeViewer


class Clock:
    """Stands still."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    with running(tmp_path) as application:
        yield application


@pytest.fixture
def clock(application: Application) -> Clock:
    clock = Clock()
    application.services.cameras.glances._clock = clock
    return clock


def light(application: Application) -> str:
    here = application.services
    return here.loop.call(sign(here.cameras, application.app._viewers, here.floor))


def shown(application: Application) -> tuple[str, bool]:
    """What the light says, and whether an update waits."""
    return light(application), application.app._is_watched()


def added(application: Application, address: str) -> str:
    given = {"name": "Second", "address": address}
    answer = application.owner().post("/api/v1/cameras", json=given, headers=OWN)
    assert answer.status_code == 201, answer.data
    return str(answer.get_json()["id"])


def test_who_takes_a_snapshot_is_seen_for_some_seconds(application: Application, clock: Clock) -> None:
    owner = application.owner()
    assert shown(application) == ("ready", False)
    assert owner.get("/api/v1/cameras/main/snapshot.jpg").status_code == 200
    clock.now += GLANCE_SECONDS - 0.1
    assert shown(application) == ("watched", True)
    clock.now += 0.2
    assert shown(application) == ("ready", False)


def test_who_waits_for_one_is_seen_already(
    application: Application, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[str, bool]] = []
    real = stills.first_units

    async def slow(hub: Hub, seconds: float) -> object:
        here = application.services
        found.append(
            (await sign(here.cameras, application.app._viewers, here.floor), here.cameras.glances.any_lately())
        )
        return await real(hub, seconds)

    monkeypatch.setattr(stills, "first_units", slow)
    assert application.owner().get("/api/v1/cameras/main/snapshot.jpg").status_code == 200
    assert found == [("watched", True)]


def test_a_stopped_or_hidden_camera_is_seen_by_nobody(application: Application, clock: Clock) -> None:
    owner = application.owner()
    owner.get("/api/v1/cameras/main/snapshot.jpg")
    owner.post("/api/v1/cameras/main/stop", headers=OWN)
    assert light(application) == "off"
    owner.put("/api/v1/privacy", json={"on": True}, headers=OWN)
    assert light(application) == "privacy"


def test_a_second_camera_of_this_machine_shows_the_room_too(application: Application, clock: Clock) -> None:
    viewer = FakeViewer(added(application, "usb:/dev/video7"))
    application.app._viewers.add(viewer)
    assert shown(application) == ("watched", True)
    application.owner().post("/api/v1/cameras/main/stop", headers=OWN)
    assert light(application) == "watched", "though the first one is stopped"
    application.app._viewers.remove(viewer)
    assert shown(application) == ("off", False)


def test_one_that_stands_elsewhere_does_not(application: Application, clock: Clock) -> None:
    viewer = FakeViewer(added(application, "rtsp://93.184.216.34/x"))
    application.app._viewers.add(viewer)
    assert shown(application) == ("ready", True)
    application.app._viewers.remove(viewer)


@pytest.mark.parametrize(
    ("address", "place", "said"),
    [("usb:/dev/video7", TRIED, "watched"), ("rtsp://93.184.216.34/x", TRIED_ELSEWHERE, "ready")],
)
def test_who_tries_an_address_gets_a_picture_of_it(
    application: Application, clock: Clock, monkeypatch: pytest.MonkeyPatch, address: str, place: str, said: str
) -> None:
    found: list[bool] = []

    async def check(make: object) -> object:
        found.append(application.services.cameras.glances.lately(place))
        return AddressReport("works")

    monkeypatch.setattr(application.services.address_check, "check", check)
    assert application.owner().post("/api/v1/cameras/check", json={"address": address}, headers=OWN).status_code == 200
    assert found == [True]
    assert shown(application) == (said, True)


def test_one_that_failed_was_seen_by_nobody() -> None:
    glances = Glances(Clock())
    with pytest.raises(ValueError, match="none"), glances.of("main"):
        assert glances.lately("main")
        raise ValueError("none")
    assert not glances.lately("main")
    assert not glances.any_lately()
