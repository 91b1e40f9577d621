"""Which camera the machine's own is: the owner's choice where the operator left it open, and his alone where he did not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pi_cam.api.pages import setup_views
from tests.contract.application import OWN, Application, running
from tests.contract.setting_up import look, send

WEBCAM = "usb:/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_5A3B1C2F-video-index0"


@pytest.fixture
def free(tmp_path: Path) -> Iterator[Application]:
    with running(tmp_path, source="auto:") as application:
        yield application


@pytest.fixture
def plugged_in(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    devices: list[str] = []
    monkeypatch.setattr(setup_views, "found_devices", lambda: devices)
    return devices


def main(application: Application) -> dict[str, Any]:
    row: dict[str, Any] = application.owner().get("/api/v1/cameras/main").get_json()
    return row


def change(application: Application, **fields: object) -> int:
    return application.owner().patch("/api/v1/cameras/main", json=fields, headers=OWN).status_code


def test_it_is_chosen_and_given_back(free: Application) -> None:
    assert (main(free)["source"], main(free)["choosable"]) == ("auto:", True)
    assert change(free, address=WEBCAM) == 200
    assert main(free)["source"] == WEBCAM
    assert change(free, address=None) == 200
    assert main(free)["source"] == "auto:"


def test_a_choice_survives_a_restart_and_ends_where_the_operator_names_one(tmp_path: Path) -> None:
    with running(tmp_path, source="auto:") as application:
        assert change(application, address=WEBCAM) == 200
    with running(tmp_path, source="auto:") as application:
        assert main(application)["source"] == WEBCAM
    with running(tmp_path, source="synthetic:?size=160x120&fps=10") as application:
        assert (main(application)["source"], main(application)["choosable"]) == (
            "synthetic:?size=160x120&fps=10",
            False,
        )
        assert change(application, address=WEBCAM) == 409
        assert change(application, address=None) == 409


@pytest.mark.parametrize("address", ["synthetic:", "auto:", "file:/etc/passwd", "camera:", "usb:/dev/sda", ""])
def test_what_only_an_operator_may_name_cannot_be_chosen(free: Application, address: str) -> None:
    assert change(free, address=address) == 422
    assert main(free)["source"] == "auto:"


def test_every_other_camera_has_an_address(free: Application) -> None:
    owner = free.owner()
    assert owner.post("/api/v1/cameras", json={"name": "Door", "address": WEBCAM}, headers=OWN).status_code == 201
    assert owner.patch("/api/v1/cameras/door", json={"address": None}, headers=OWN).status_code == 422


def test_the_wizard_says_that_it_is_a_test_picture_and_takes_what_is_chosen(
    free: Application, plugged_in: list[str]
) -> None:
    owner = free.owner()
    assert "this is a test picture" in look(owner, "camera")
    plugged_in.append(WEBCAM.removeprefix("usb:"))
    page = look(owner, "camera")
    assert "test picture" not in page
    assert "046d HD Pro Webcam C920" in page
    assert send(owner, "camera", "choose", page, camera=WEBCAM).headers["Location"] == "/setup/camera"
    assert f'value="{WEBCAM}" selected' in look(owner, "camera")
    plugged_in.clear()
    assert "not plugged in" in look(owner, "camera")
    assert send(owner, "camera", "choose", camera="file:/etc/passwd").status_code == 422
    assert main(free)["source"] == WEBCAM
    assert send(owner, "camera", "choose", camera="").status_code == 302
    assert main(free)["source"] == "auto:"


def test_later_it_is_chosen_on_the_page_of_cameras(free: Application, plugged_in: list[str]) -> None:
    plugged_in.append(WEBCAM.removeprefix("usb:"))
    page = free.owner().get("/cameras").get_data(as_text=True)
    assert f'<option value="{WEBCAM}">046d HD Pro Webcam C920</option>' in page
    assert 'data-kind="null-empty"' in page


def test_where_the_operator_named_one_nothing_is_offered(tmp_path: Path) -> None:
    with running(tmp_path) as application:
        owner = application.owner()
        assert "Use this camera" not in look(owner, "camera")
        assert (
            "Use this camera"
            not in owner.get("/cameras").get_data(as_text=True).partition('<script type="application/json"')[0]
        )
        assert send(owner, "camera", "choose", camera=WEBCAM).status_code == 409
