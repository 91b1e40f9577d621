"""The page about the device, as its owner uses it."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, expect

from tests.e2e.conftest import sign_in, wait_for_state
from tests.server import Server


def test_the_owner_looks_whether_all_is_in_order_and_takes_a_report(page: Page, synthetic: Server) -> None:
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    sign_in(page, synthetic)
    wait_for_state(page, "live")
    page.on("console", note)
    page.get_by_label("Menu").click()
    page.get_by_role("link", name="This device").click()
    encoder = page.locator("[data-finding=encoder]")
    expect(encoder).to_contain_text("In order")
    expect(page.locator("[data-finding]")).not_to_have_count(0)
    expect(page.locator("time[data-seconds]")).to_contain_text("20")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download a report").click()
    report = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert download.value.suggested_filename == "pi-cam-report.json"
    assert report["system"]["version"]
    with page.expect_navigation():
        page.get_by_role("link", name="Look again").click()
    expect(encoder).to_contain_text("In order")
    page.get_by_role("button", name="Français").click()
    expect(encoder).to_contain_text("En ordre")
    assert complaints == []
