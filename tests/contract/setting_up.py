"""Walking through the wizard as a browser without scripts does."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pi_cam.setup_wizard.wifi import Wifi
from tests.contract.application import NAME, PASSWORD, Application, running

ADDRESS = "/api/v1/setup"
STEPS = ["language", "owner", "wifi", "camera", "time", "remote", "updates", "done"]


@contextmanager
def with_wifi(folder: Path, wifi: Wifi) -> Iterator[Application]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pi_cam.app.make_wifi", lambda: wifi)
        with running(folder) as application:
            yield application


def fields(page: str) -> dict[str, str]:
    """The hidden ones of its first form that belongs to the wizard."""
    form = page[page.index('action="/setup') :]
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[: form.index("</form>")])
    return {name: html.unescape(value) for name, value in found}


def look(client: FlaskClient, step: str) -> str:
    response = client.get(f"/setup/{step}")
    assert response.status_code == 200, (step, response.status_code, response.headers.get("Location"))
    return seen(response)


def seen(response: TestResponse) -> str:
    """What a person sees: not the sentences that the page's modules may say."""
    return response.get_data(as_text=True).partition('<script type="application/json"')[0]


def send(client: FlaskClient, step: str, action: str = "done", page: str | None = None, **values: str) -> TestResponse:
    """As a browser sends the form, with what the page gave it."""
    given = fields(page or look(client, step))
    return client.post(f"/setup/{step}", data={**given, **values, "action": action})


def marks(client: FlaskClient, **more: Any) -> dict[str, str | None]:
    answer = client.get(ADDRESS, **more).get_json()
    return {one["step"]: one["mark"] for one in answer["steps"]}


def owner_form(application: Application, **changed: str) -> dict[str, str]:
    return {"code": application.app.setup_code.code, "name": NAME, "password": PASSWORD, **changed}
