"""What Chromium makes of the device's certificate, with and without its authority among the trusted ones."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from pi_cam.trust.authority import Identity, issue
from pi_cam.trust.certificates import server_context
from tests import network
from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in, wait_for_state
from tests.prerequisites import require
from tests.server import Server, serving

CERTUTIL = shutil.which("certutil")
NAMES = ("pi-cam.local", "bank.example", "localhost.bank.example")


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    with serving(tmp_path_factory.mktemp("camera"), "synthetic:", owner=True, listen=network.HOST_ADDRESS) as server:
        yield server


@pytest.fixture(scope="module")
def trusting(browser: Browser, camera: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of a person who added the camera's authority."""
    require("certutil (apt install libnss3-tools)", CERTUTIL is not None)
    home = tmp_path_factory.mktemp("home")
    database = f"sql:{home / '.pki/nssdb'}"
    (home / ".pki/nssdb").mkdir(parents=True)
    authority = str(camera.data / "tls/ca.crt")
    for command in (
        ["certutil", "-N", "-d", database, "--empty-password"],
        ["certutil", "-A", "-d", database, "-n", "camera", "-t", "C,,", "-i", authority],
    ):
        subprocess.run(command, check=True, capture_output=True)
    rules = ", ".join(f"MAP {name} {network.HOST_ADDRESS}" for name in NAMES)
    chromium = browser.browser_type.launch(
        executable_path=CHROMIUM,
        args=[*FLAGS, f"--host-resolver-rules={rules}"],
        env={**os.environ, "HOME": str(home)},
    )
    yield chromium
    chromium.close()


@pytest.fixture
def page(trusting: Browser) -> Iterator[Page]:
    context: BrowserContext = trusting.new_context(locale="en-GB")
    yield context.new_page()
    context.close()


def by_name(camera: Server, name: str) -> Server:
    return Server(f"https://{name}:{camera.address()[1]}", None, camera.data, camera.process, camera.log)


@pytest.mark.parametrize("name", ["pi-cam.local", network.HOST_ADDRESS])
def test_with_the_authority_trusted_the_picture_plays_without_a_warning(page: Page, camera: Server, name: str) -> None:
    sign_in(page, by_name(camera, name))
    wait_for_state(page, "live")
    assert page.evaluate("document.querySelector('video').videoWidth") == 1280
    assert page.evaluate("isSecureContext && 'mediaDevices' in navigator && 'VideoDecoder' in window")
    (session,) = [cookie for cookie in page.context.cookies() if cookie["name"] == "__Host-sid"]
    assert session["secure"]
    assert session["httpOnly"]


def test_without_it_the_browser_warns_and_the_page_says_why(browser: Browser, camera: Server) -> None:
    careful = browser.new_context()
    with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        careful.new_page().goto(camera.url)
    careful.close()
    clicked_through = browser.new_context(ignore_https_errors=True, locale="fr-FR")
    page = clicked_through.new_page()
    page.goto(camera.url + "/login")
    page.get_by_role("link", name="mis en garde").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("met en garde")
    der = ssl.PEM_cert_to_DER_cert((camera.data / "tls/ca.crt").read_text())
    expect(page.locator("#fingerprint")).to_have_text(hashlib.sha256(der).digest().hex(":").upper())
    with page.expect_download() as download:
        page.get_by_role("link", name="pi-cam-ca.crt").click()
    assert Path(download.value.path()).read_bytes() == der
    clicked_through.close()


@contextmanager
def impostor(folder: Path, identity: Identity) -> Iterator[int]:
    """A server that shows another certificate; the port."""
    (folder / "impostor.pem").write_bytes(identity.pem())
    context = server_context(folder / "impostor.pem")
    with socket.create_server((network.HOST_ADDRESS, 0)) as listener:
        ended = threading.Event()
        listener.settimeout(0.2)

        def serve() -> None:
            while not ended.is_set():
                with suppress(OSError):  # a time-out, or a browser that hangs up
                    plain, _ = listener.accept()
                    plain.settimeout(5)
                    with context.wrap_socket(plain, server_side=True) as client:
                        client.recv(65_536)
                        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nmoney")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            ended.set()
            thread.join()


@pytest.mark.parametrize(
    ("names", "visited", "accepted"),
    [
        (["pi-cam.local"], "pi-cam.local", True),
        (["bank.example"], "bank.example", False),
        (["pi-cam.local", "bank.example"], "bank.example", False),
        (["pi-cam.local", "bank.example"], "pi-cam.local", False),
        (["localhost.bank.example"], "localhost.bank.example", False),
    ],
    ids=str,
)
def test_a_foreign_name_signed_by_the_same_authority_is_refused(
    page: Page, camera: Server, tmp_path: Path, names: list[str], visited: str, accepted: bool
) -> None:
    data = (camera.data / "tls/ca.pem").read_bytes()
    key = serialization.load_pem_private_key(data, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    authority = Identity(key, x509.load_pem_x509_certificate(data))
    with impostor(tmp_path, issue(authority, names, [], datetime.now(UTC))) as port:
        if accepted:
            page.goto(f"https://{visited}:{port}/")
            expect(page.get_by_text("money")).to_be_visible()
        else:
            with pytest.raises(Error, match="ERR_CERT_"):
                page.goto(f"https://{visited}:{port}/")
