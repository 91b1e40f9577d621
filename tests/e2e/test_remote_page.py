"""The page of the way in from outside: it follows the tunnel by itself, and takes away nothing that a person types."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import sign_in, wait_for_state
from tests.server import serving
from tests.tunnels import HOST, Fake, put_secret

NAMED = {"PI_CAM_TUNNEL": "named", "PI_CAM_TUNNEL_HOST": HOST}


def test_the_tunnel_is_followed(page: Page, tmp_path: Path) -> None:
    fake, data = Fake(tmp_path / "program"), tmp_path / "data"
    put_secret(data)
    fake.behave(ready_after=1e6)
    environment = {**NAMED, "PI_CAM_TUNNEL_PROGRAM": str(fake.path)}
    source = "synthetic:?size=160x120&fps=10"
    with serving(data, source, owner=True, tunnel=True, environment=environment) as server:
        complaints: list[str] = []
        sign_in(page, server)
        wait_for_state(page, "live")
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda one: complaints.append(one.text) if one.type in ("error", "warning") else None)
        page.goto(f"{server.url}/remote")
        shown = page.locator("[data-tunnel]")
        expect(shown).to_contain_text("Connecting")
        fake.behave()
        expect(shown).to_contain_text("Connected", timeout=10_000)
        expect(shown.get_by_role("link", name=HOST)).to_have_attribute("href", f"https://{HOST}/")
        portal = page.get_by_label("The portal's address")
        portal.fill("https://portal.exam")
        fake.behave(ready_after=1e6)
        page.wait_for_timeout(7000)
        expect(portal).to_have_value("https://portal.exam")
        portal.fill("")
        expect(shown.get_by_role("alert")).to_contain_text("The connection to Cloudflare was lost", timeout=10_000)
        assert complaints == []
