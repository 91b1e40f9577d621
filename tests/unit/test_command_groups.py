"""Whoever types pi-cam on an installed camera sees the devices that the service sees."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parents[2]


def test_the_command_has_the_groups_of_the_service() -> None:
    unit = (HERE / "pi-cam.service").read_text("utf-8")
    command = (HERE / "deploy/appliance/command").read_text("utf-8")
    (groups,) = re.findall(r"^SupplementaryGroups=(.*)$", unit, re.MULTILINE)
    assert re.findall(r" -G (\S+)", command) == groups.split()
    assert re.findall(r" -g (\S+)", command) == re.findall(r"^User=(.*)$", unit, re.MULTILINE)
