"""The hotspot's page by plain HTTP: what it answers, to whom, and what it opens."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import Box, PrivateKey, PublicKey

from pi_cam.control.name_notice import NameNotice
from pi_cam.setup_wizard.captive import (
    BODY_BYTES_MAX,
    CAMERA_NAME,
    Captive,
    Request,
    Response,
    camera_name,
    packed,
    preferred,
    read,
)
from pi_cam.setup_wizard.captive_page import CaptivePage
from pi_cam.setup_wizard.hotspot import Hotspot
from pi_cam.setup_wizard.sealed import OUT_OF_DATE, REMEMBERED, Credentials, Seal
from pi_cam.setup_wizard.wifi import WifiError
from pi_cam.setup_wizard.wifi_keeper import Keeper
from pi_cam.setup_wizard.wifi_wishes import WRONG_LENGTH, Found
from tests.scripted_radio import ScriptedRadio

HOST = {"host": "10.42.0.1"}
PAGE = CaptivePage({"en": "<p>english", "fr": "<p>français"}, {"base.css": b"p{}"})


async def nothing(_wanted: bool) -> None: ...


async def captive(*, hotspot: bool = True, name: Path = CAMERA_NAME) -> Captive:
    air = ScriptedRadio(Found(b"Home", 70, "wpa"))
    keeper = Keeper(air, Hotspot(lambda: 0.0), "Camera-TEST", nothing)
    await keeper.forget("")  # looks at how the radio stands
    await keeper.networks()
    air.hotspot = hotspot
    await keeper.forget("")
    return Captive(keeper, PAGE, lambda: camera_name(name))


def ask(*requests: Request, hotspot: bool = True) -> list[Response]:
    async def asked() -> list[Response]:
        page = await captive(hotspot=hotspot)
        return [await page.answer(one) for one in requests]

    return asyncio.run(asked())


def get(path: str, **headers: str) -> Request:
    return Request("GET", path, {**HOST, **headers})


def seal(key: str, text: bytes, own: PrivateKey | None = None) -> str:
    own = own or PrivateKey.generate()
    box = Box(own, PublicKey(base64.b64decode(key))).encrypt(text)
    return base64.b64encode(bytes(own.public_key) + box).decode()


@pytest.mark.parametrize("path", ["/", "/generate_204", "/setup-wifi", "/setup-wifi/join", "//x", "/captive/api"])
@pytest.mark.parametrize("host", ["captive.apple.com", "", "10.42.0.1.example", "pi-cam.local", "10.42.0.1:8080"])
def test_every_other_host_is_sent_to_the_page(path: str, host: str) -> None:
    (answer,) = ask(Request("GET", path, {"host": host}))
    assert (answer.status, answer.headers["Location"]) == (302, "http://10.42.0.1/setup-wifi")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (b"pi-cam-k7qx2m.local\n", "pi-cam-k7qx2m.local"),
        (b"pi-cam.local\n", None),
        (b"pi-cam-k7qx2m.local.bank.example\n", None),
        (b"\xff" * 1000, None),
        (b"", None),
    ],
)
def test_the_name_that_the_camera_tells_is_one_of_a_camera(said: bytes, name: str | None, tmp_path: Path) -> None:
    (tmp_path / "name").write_bytes(said)
    assert camera_name(tmp_path / "name") == name


def test_where_the_camera_tells_no_name(tmp_path: Path) -> None:
    (tmp_path / "name").write_bytes(b"pi-cam-k7qx2m.local\n")
    (tmp_path / "link").symlink_to(tmp_path / "name")
    os.mkfifo(tmp_path / "pipe")
    assert [camera_name(tmp_path / one) for one in ("link", "pipe", "nothing")] == [None, None, None]


def test_the_address_of_this_camera_is_told(tmp_path: Path) -> None:
    NameNotice(tmp_path, "pi-cam-k7qx2m.local").start()
    assert (tmp_path / "name").stat().st_mode & 0o777 == 0o644

    async def asked() -> Response:
        page = await captive(name=tmp_path / "name")
        return await page.answer(get("/setup-wifi/state"))

    assert json.loads(asyncio.run(asked()).body)["name"] == "pi-cam-k7qx2m.local"
    NameNotice(tmp_path, "").stop()
    assert json.loads(asyncio.run(asked()).body)["name"] is None


def test_without_a_hotspot_there_is_nothing() -> None:
    assert [one.status for one in ask(get("/setup-wifi"), get("/x", host="a.b"), hotspot=False)] == [503, 503]


def test_the_page_in_both_languages() -> None:
    french, chosen, english = ask(
        get("/setup-wifi", **{"accept-language": "fr-CA,en;q=0.5"}),
        get("/setup-wifi?lang=en", **{"accept-language": "fr"}),
        get("/setup-wifi?lang=xx", **{"accept-language": "de"}),
    )
    assert (french.body, chosen.body, english.body) == ("<p>français".encode(), b"<p>english", b"<p>english")
    assert "script-src 'self'" in packed(french).decode("latin-1")
    assert packed(french, head=True).endswith(b"\r\n\r\n")


def test_files_and_nothing_beside_them() -> None:
    css, other, above = ask(
        get("/setup-wifi/base.css"), get("/setup-wifi/none.js"), get("/setup-wifi/../../etc/passwd")
    )
    assert (css.status, css.kind) == (200, "text/css")
    assert [other.status, above.status] == [302, 302]


def test_a_phone_that_knows_rfc_8908() -> None:
    (answer,) = ask(get("/captive/api"))
    assert answer.kind == "application/captive+json"
    assert json.loads(answer.body) == {"captive": True, "user-portal-url": "http://10.42.0.1/setup-wifi"}


def sent(text: bytes, *, times: int = 1, **headers: str) -> list[Response]:
    async def asked() -> list[Response]:
        page = await captive()
        key = json.loads((await page.answer(get("/setup-wifi/state"))).body)["key"]
        body = json.dumps({"sealed": seal(key, text)}).encode()
        request = Request("POST", "/setup-wifi/join", {**HOST, **headers}, body)
        return [await page.answer(request) for _ in range(times)]

    return asyncio.run(asked())


def test_credentials_are_taken_once_and_the_answer_comes_before_the_hotspot_goes() -> None:
    first, again = sent(b'{"ssid": "Home", "passphrase": "a good password"}' + b" " * 400, times=2)
    assert (first.status, json.loads(first.body)) == (202, {"hotspot": "Camera-TEST"})
    assert (again.status, json.loads(again.body)) == (409, {"error": OUT_OF_DATE})


def test_what_is_wrong_with_them_is_said() -> None:
    (answer,) = sent(b'{"ssid": "Home", "passphrase": "short"}')
    assert (answer.status, json.loads(answer.body)) == (409, {"error": WRONG_LENGTH})


def test_another_page_cannot_send_them() -> None:
    assert sent(b'{"ssid": "Home", "passphrase": "a good password"}', origin="https://evil.example")[0].status == 403


@pytest.mark.parametrize("body", [b"", b"[]", b'{"sealed": 1}', b'{"sealed": "!"}', b'{"sealed": ""}', b"\xff"])
def test_bodies_that_make_no_sense(body: bytes) -> None:
    (answer,) = ask(Request("POST", "/setup-wifi/join", HOST, body))
    assert answer.status in (400, 409)
    assert json.loads(answer.body)["error"] == OUT_OF_DATE


def test_other_methods() -> None:
    answers = ask(get("/setup-wifi/join"), Request("POST", "/setup-wifi", HOST), Request("DELETE", "/setup-wifi", HOST))
    assert [one.status for one in answers] == [405, 405, 405]


def test_seal_opens_what_was_sealed_to_it_and_nothing_else() -> None:
    mine, other = Seal(), Seal()
    text = '{"ssid": "🏠\\n", "passphrase": null, "hidden": true}'.encode()
    sealed = seal(mine.public, text)
    with pytest.raises(WifiError):
        other.open(sealed)
    assert mine.open(sealed) == Credentials("🏠\n", None, True)
    assert "secret" not in repr(Credentials("x", "secret"))


def test_seal_forgets_its_key_sooner_than_what_it_opened() -> None:
    mine = Seal()
    first, key = seal(mine.public, b'{"ssid": "x"}'), mine.public
    mine.open(first)
    for _ in range(REMEMBERED):
        mine.open(seal(mine.public, b'{"ssid": "x"}'))
    assert mine.public != key
    with pytest.raises(WifiError):
        mine.open(first)


SEAL = Seal()


@given(st.text() | st.binary(max_size=300).map(lambda data: base64.b64encode(data).decode()))
def test_any_text_is_refused(sealed: str) -> None:
    with pytest.raises(WifiError):
        SEAL.open(sealed)


@given(st.binary(max_size=600))
def test_any_sealed_text_is_credentials_or_refused(text: bytes) -> None:
    try:
        Seal().open(seal(SEAL.public, text))
    except WifiError:
        return
    raise AssertionError("it was sealed to another")


def parsed(data: bytes) -> Request | None:
    async def one() -> Request | None:
        reader = asyncio.StreamReader(limit=4096)
        reader.feed_data(data)
        reader.feed_eof()
        return await read(reader)

    return asyncio.run(one())


def test_requests_are_read() -> None:
    found = parsed(b"POST /x?y HTTP/1.0\r\nHost: A\r\ncontent-length: 2\r\n\r\nhi")
    assert found == Request("POST", "/x?y", {"host": "A", "content-length": "2"}, b"hi")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1\r\n",
        b"GET /\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhi",
        b"GET / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1),
        b"GET //[ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5000,
    ],
)
def test_other_bytes_are_no_request(data: bytes) -> None:
    assert parsed(data) is None


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_any_bytes_are_a_request_or_none(head: bytes, body: bytes) -> None:
    parsed(head + b"\r\n\r\n" + body)


@given(st.text())
def test_any_wish_for_a_language(header: str) -> None:
    assert preferred(header) in ("en", "fr")
