"""The pages' files as a browser gets them, and the pages under the strict policy that they promise to satisfy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from flask import Flask, render_template
from flask.testing import FlaskClient

import web.ui
from web.ui.texts import browser_messages, translator

UI = Path(web.ui.__file__).parent
CAMERA = {"id": "main", "name": "</script><b>Door & co", "state": "live", "codec": "h264"}


class TotpState(NamedTuple):
    on: bool
    recovery_codes_left: int


ACCOUNT: dict[str, object] = {
    "navigation": [],
    "sessions": [],
    "current": "",
    "passkeys": [{"id": "x", "name": "<b>My phone", "host": "localhost", "created_at": 1.0, "used_at": None}],
}


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.register_blueprint(web.ui.create_blueprint())
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def page(app: Flask, template: str, **values: object) -> str:
    common = {
        "language": "fr",
        "_": translator("fr"),
        "form_token": "the-token",
        "person": "Ada",
        "version": "1.2.3",
        "messages_json": browser_messages("fr"),
    }
    with app.test_request_context("/?next=/%22%3E%3Cscript%3E"):
        return render_template(template, **common, **values)


@pytest.fixture
def pages(app: Flask) -> dict[str, str]:
    return {
        "live": page(app, "live.html", camera=CAMERA, can=["view", "control"], cameras=[CAMERA, CAMERA]),
        "login": page(app, "login.html", error="The name or the password is wrong.", name='"><script>', passkeys=True),
        "login_code": page(app, "login_code.html", error="This code is wrong, or was used already.", ticket='"><b>'),
        "account": page(app, "account.html", **ACCOUNT, totp=TotpState(False, 0), passkeys_here=True),
        "account with all": page(app, "account.html", **ACCOUNT, totp=TotpState(True, 2), passkeys_here=False),
        "setup": page(app, "setup.html", error=None, name=""),
        "error": page(app, "error.html", status=404, title="Not Found", detail="<b>"),
    }


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/ui/player/page.js", "text/javascript; charset=utf-8"),
        ("/ui/static/base.css", "text/css; charset=utf-8"),
        ("/ui/static/icons.svg", "image/svg+xml; charset=utf-8"),
    ],
)
def test_files_are_typed_and_revalidated(client: FlaskClient, path: str, content_type: str) -> None:
    with client.get(path) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == content_type
        assert answer.headers["Cache-Control"] == "no-cache"
        tag = answer.headers["ETag"]
    with client.get(path, headers={"If-None-Match": tag}) as again:
        assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["/ui/player/../texts.py", "/ui/player/..%2ftexts.py", "/ui/static/none.css", "/ui/player/", "/ui/texts.py"]
)
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_pages_hold_no_inline_script_style_or_foreign_address(pages: dict[str, str]) -> None:
    for name, html in pages.items():
        for tag in re.findall(r"<script[^>]*>", html):
            assert 'src="/ui/' in tag or 'type="application/json"' in tag, (name, tag)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", html), name
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", html), name


def test_every_form_that_the_browser_itself_sends_carries_the_token(pages: dict[str, str]) -> None:
    seen = 0
    for name, html in pages.items():
        for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", html, re.DOTALL):
            if " data-path=" in form or 'id="add-passkey"' in form:
                continue  # these are sent by a module, with a header of our own
            seen += 1
            assert 'name="form_token" value="the-token"' in form, name
    assert seen > 5


def test_values_are_escaped(pages: dict[str, str]) -> None:
    for name, html in pages.items():
        assert "<script>" not in html, name
        assert "<b>" not in html, name
    assert "&lt;/script&gt;" in pages["live"]


def test_server_sentences_are_translated_in_pages(pages: dict[str, str]) -> None:
    assert "Le nom ou le mot de passe est incorrect." in pages["login"]
    assert "Page introuvable" in pages["error"]


def test_every_icon_exists(pages: dict[str, str]) -> None:
    icons = set(re.findall(r'<symbol id="(\w+)"', (UI / "static/icons.svg").read_text("utf-8")))
    used = {name for html in pages.values() for name in re.findall(r"icons\.svg#(\w+)", html)}
    words = (UI / "player/words.js").read_text("utf-8")
    said = set(re.findall(r'"(\w+)", (?:"[\w-]+"|null|final|known|can)', words))
    assert used <= icons
    assert said <= icons, said - icons


def test_modules_are_announced(pages: dict[str, str]) -> None:
    imported: set[str] = set()
    todo = ["page.js"]
    while todo:
        source = (UI / "player" / todo.pop()).read_text("utf-8")
        new = set(re.findall(r'^import .* from "\./(\S+)";$', source, re.MULTILINE)) - imported
        imported |= new
        todo += new
    announced = set(re.findall(r'modulepreload" href="/ui/player/(\S+)"', pages["live"]))
    assert announced == imported


def test_nothing_foreign_is_named() -> None:
    for path in [*UI.glob("static/*"), *UI.glob("player/*"), *UI.glob("templates/*"), UI / "package-lock.json"]:
        addresses = set(re.findall(r"https?://(?!\$\{)[^\s\"'<>)]+", path.read_text("utf-8")))
        assert addresses <= {"http://www.w3.org/2000/svg", "https://portal.example", "https://pi-cam.local"}, path


def test_no_form_can_put_what_was_typed_into_an_address() -> None:
    """Sent before the modules are there, a form without a method would put a password behind a question mark."""
    forms = [
        (path.name, form)
        for path in (UI / "templates").glob("*.html")
        for form in re.findall(r"<form\b[^>]*>", path.read_text("utf-8"))
    ]
    assert len(forms) > 20
    for name, form in forms:
        if "data-path" in form:
            assert ' method="post" inert ' in form, f"{name}: {form}"
        elif name != "journal.html":  # its filters are meant to stand in the address
            assert re.search(r'method="(post|dialog)"', form), f"{name}: {form}"
