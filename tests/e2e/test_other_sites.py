"""A hostile page in the same browser as the signed-in owner: from another site, and from another port of the same host, to
which a browser sends the cookie along."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import sign_in, wait_for_state
from tests.server import Server

ATTACKS = """async (target) => {
  const outcome = {};
  const send = (path, init) => fetch(target + path, { credentials: "include", mode: "no-cors", ...init }).catch(() => null);
  await send("/api/v1/cameras/main/stop", { method: "POST", body: "{}", headers: { "Content-Type": "text/plain" } });
  await send("/logout", { method: "POST", body: new URLSearchParams({ x: "1" }) });
  await send("/api/v1/sessions/current", { method: "DELETE" });
  const asked = fetch(target + "/api/v1/cameras", { credentials: "include" });
  outcome.read = await asked.then((answer) => answer.text(), () => "unreadable");
  outcome.socket = await new Promise((resolve) => {
    const socket = new WebSocket(target.replace("http", "ws") + "/api/v1/cameras/main/live", "pi-cam.v1");
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("refused");
  });
  outcome.picture = await new Promise((resolve) => {
    const picture = new Image();
    picture.onload = () => resolve("seen");
    picture.onerror = () => resolve("not seen");
    picture.src = target + "/api/v1/cameras/main/snapshot.jpg";
  });
  outcome.frame = await new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.onload = () => resolve(frame.contentDocument ? "readable" : "closed");
    frame.src = target + "/";
    document.body.append(frame);
  });
  return outcome;
}"""


class Hostile(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<!doctype html><html lang=en><title>hostile</title><body></body></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gives it
        pass


@pytest.fixture
def hostile() -> Iterator[int]:
    """The port of its server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["another site", "another port of the same host"])
def test_a_hostile_page_changes_and_sees_nothing(page: Page, synthetic: Server, hostile: int, host: str) -> None:
    sign_in(page, synthetic)
    wait_for_state(page, "live")
    page.goto(f"http://{host}:{hostile}/")
    outcome = page.evaluate(ATTACKS, synthetic.url)
    assert outcome == {"read": "unreadable", "socket": "refused", "picture": "not seen", "frame": "closed"}
    page.goto(synthetic.url + "/")  # still signed in, and the camera was not stopped
    wait_for_state(page, "live")


def test_a_form_of_another_site_is_refused(page: Page, synthetic: Server, hostile: int) -> None:
    sign_in(page, synthetic)
    wait_for_state(page, "live")
    page.goto(f"http://127.0.0.1:{hostile}/")
    page.evaluate(
        """(target) => {
          const form = document.createElement("form");
          form.method = "post";
          form.action = target + "/logout";
          document.body.append(form);
          form.submit();
        }""",
        synthetic.url,
    )
    page.wait_for_url(synthetic.url + "/logout")
    assert "403" in page.content()
    page.goto(synthetic.url + "/")
    wait_for_state(page, "live")
