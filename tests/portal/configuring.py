"""A device's configuration on the portal's page: what a device tells, and forms as a browser sends them."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.test import TestResponse

from tests.contract.test_configuration import EXAMPLE
from tests.portal.speaking import Speaker
from tests.portal.visitor import Visitor

LEVEL: dict[str, Any] = {**EXAMPLE["rows"][0], "value": "info", "version": 1}
NAME = {
    **LEVEL,
    "name": "camera.main.name",
    "value": "Front door",
    "title": "Name of the camera",
    "help": "",
    "choices": [],
}
GAIN = {**LEVEL, "name": "gain", "title": "Microphone gain", "value": 0.0, "kind": "number", "choices": []}
GAIN |= {"low": -40, "high": 40}
SEVERAL = {**LEVEL, "name": "several", "title": "Several may talk", "value": False, "kind": "boolean", "choices": []}
TUNNEL = {
    **LEVEL,
    "name": "tunnel",
    "title": "Tunnel",
    "value": "named",
    "choices": ["off", "named"],
    "editable": False,
}
ROWS = [NAME, LEVEL, GAIN, SEVERAL, TUNNEL]


def tell(device: Speaker, *rows: dict[str, Any], **changed: Any) -> TestResponse:
    names = [row["name"] for row in ROWS]
    body = {"names": names, "rows": list(rows or ROWS), "outcomes": [], **changed}
    return device.say("config", body)


def waiting(device: Speaker) -> list[dict[str, Any]]:
    return list(tell(device, rows=[]).get_json()["edits"])


def page(person: Visitor, device: Speaker) -> str:
    return person.get(f"/devices/{device.id}/settings").text


def shown_in(text: str) -> dict[str, str]:
    """The form as a browser would send it back."""
    fields = dict(re.findall(r'name="(shown\.[^"]+)" value="([^"]*)"', text))
    fields |= dict(re.findall(r'<input id="[^"]+" name="(value\.[^"]+)"[^>]* value="([^"]*)"', text))
    for name, options in re.findall(r'<select id="[^"]+" name="(value\.[^"]+)".*?>(.*?)</select>', text, re.DOTALL):
        fields[name] = re.findall(r'value="([^"]*)" selected', options)[0]
    fields |= dict.fromkeys(re.findall(r'type="checkbox" name="(value\.[^"]+)" checked', text), "on")
    return {name: value.replace("&#34;", '"') for name, value in fields.items()}


def edit(person: Visitor, device: Speaker, **changed: str | None) -> TestResponse:
    path = f"/devices/{device.id}/settings"
    fields = {"form_token": person.token, **shown_in(page(person, device))}
    for name, value in changed.items():
        fields.pop(f"value.{name.replace('__', '.')}", None)
        if value is not None:
            fields[f"value.{name.replace('__', '.')}"] = value
    return person.send("POST", path, data=fields | {"form_token": person.token})


def answer_edit(device: Speaker, result: str, row: dict[str, Any] | None = None, **changed: Any) -> None:
    (one,) = waiting(device)
    outcome = {"key": one["key"], "result": result, "why": "", "version": 2, "other": None, **changed}
    assert tell(device, rows=[row] if row else [], outcomes=[outcome]).status_code == 200
