"""An update that comes from a web host, as the owner of the camera sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Page, expect

from pi_cam.updates import maker
from pi_cam.updates.coming import file_name
from pi_cam.updates.manifest import Machine
from pi_cam.updates.outcome import Outcome
from tests.e2e.conftest import sign_in, wait_for_state
from tests.integration.test_releases import Host
from tests.server import Server, serving

KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    (tmp_path / "served").mkdir()
    host = Host(tmp_path / "served", None)
    yield host
    host.close()


@pytest.fixture
def server(tmp_path: Path, host: Host) -> Iterator[Server]:
    for name in ("programs", "kept", "keys"):
        (tmp_path / name).mkdir()
    public = KEY.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "keys/own.pem").write_bytes(pem)
    place = {"PI_CAM_UPDATES_ADDRESS": f"{host.url}/files/pi-cam"}
    with serving(tmp_path / "data", "synthetic:", owner=True, environment=place, module="tests.updates_host") as server:
        yield server


def publish(host: Host, number: int) -> None:
    tree = host.folder.parent / "tree"
    tree.mkdir(exist_ok=True)
    (tree / "file").write_text(str(number))
    maker.pack(tree, host.folder / file_name(Machine.here(0)), KEY, f"0.{number}", number)


def test_the_owner_finds_puts_off_and_installs(page: Page, server: Server, host: Host, tmp_path: Path) -> None:
    sign_in(page, server)
    wait_for_state(page, "live")
    page.goto(f"{server.url}/system")
    look = page.get_by_role("button", name="Look for updates now")
    part = page.locator("[data-updates]")
    expect(part).to_contain_text("Not known yet")
    look.click()
    expect(page.get_by_role("alert")).to_contain_text("The web host localhost has no update for this camera")
    publish(host, 7)
    look.click()
    expect(part).to_contain_text("0.7")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="Put off for a week").click()
    expect(part).to_contain_text("Put off until")
    page.get_by_role("button", name="No longer put off").click()
    expect(part).not_to_contain_text("Put off until")
    assert not (tmp_path / "data/updates/inbox").exists()
    page.get_by_role("button", name="Install now").click()
    page.get_by_role("button", name="Install", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Being installed")).to_be_visible()
    package = tmp_path / "data/updates/inbox/update.pi-cam"
    assert package.read_bytes() == (host.folder / file_name(Machine.here(0))).read_bytes()
    # What root's part does (tests/appliance): takes it, and says how it went.
    Outcome("rolled-back", "0.7", 7, "It did not answer.", time.time()).write(tmp_path / "kept/outcome.json")
    package.unlink()
    expect(page.locator("[data-update]")).to_contain_text("tried and taken back")
    expect(part).to_contain_text("It is not tried again by itself")
    page.get_by_role("button", name="Français").click()
    expect(part).to_contain_text("Elle n’est plus essayée d’elle-même")
