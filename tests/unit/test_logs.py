"""Log lines: JSON, and without secrets wherever these stand."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping

import pytest

from pi_cam.logs import JsonFormatter, configure_logging

TOKEN = "pct_" + "Zm9vYmFy-_" * 4
CANARY = "canary"


def line(message: str, *arguments: object, extra: Mapping[str, object] | None = None, error: bool = False) -> str:
    record = logging.getLogger("pi_cam.test").makeRecord(
        "pi_cam.test", logging.WARNING, "file.py", 1, message, arguments, sys.exc_info() if error else None, extra=extra
    )
    return JsonFormatter().format(record)


SECRETS = [
    f"rtsp://admin:{CANARY}@192.168.1.20/stream",
    f"rtsp://admin:pa/ss{CANARY}@192.168.1.20/stream",
    f"rtsp://admin:p@ss@{CANARY}@192.168.1.20/stream",
    f"http://{CANARY}@host/?x=1",
    f"rtsp://admin:pa ss\u3000'{CANARY}\"@192.168.1.20/stream",
    f"cannot open rtsp://a:{CANARY}@h/, http://b:{CANARY}@i/",
    f"Authorization: Bearer {CANARY}",
    f"authorization=Basic {CANARY}",
    f"{{'Authorization': 'Digest username=a, response={CANARY}', 'X': 1}}",
    f"Cookie: language=fr; sid={CANARY}",
    f"Set-Cookie: sid={CANARY}; HttpOnly",
    f"__Host-sid={CANARY}",
    f"password: a green door behind the {CANARY}",
    f"password = {CANARY}",
    f'{{"password": "a long {CANARY}"}}',
]


@pytest.mark.parametrize("text", SECRETS)
def test_no_secret_is_ever_in_a_line(text: str) -> None:
    lines = [
        line(text),
        line("%s", text),
        line("x", extra={"trouble": text}),
        line("x", extra={"many": [{"a": (text,)}]}),
    ]
    try:
        raise ValueError(text)
    except ValueError:
        lines.append(line("x", error=True))
    for written in lines:
        assert CANARY not in written
        json.loads(written)


@pytest.mark.parametrize("name", ["password", "cookie", "Authorization", "token", "secret_hash"])
def test_values_under_a_telling_name_are_left_out(name: str) -> None:
    written = line("x", extra={name: f"a {CANARY} of many words", "headers": {name: CANARY}})
    assert CANARY not in written
    assert json.loads(written)["headers"] == {name: "…"}


def test_tokens_are_blotted_out_wherever_they_stand() -> None:
    written = line("carries %s", TOKEN, extra={"path": f"/x?t={TOKEN}"})
    assert TOKEN[4:14] not in written
    assert json.loads(written)["message"] == "carries pct_…"


def test_the_rest_of_an_address_stays_readable() -> None:
    entry = json.loads(line("open rtsp://admin:secret@192.168.1.20:554/stream1", extra={"camera": "main", "tries": 3}))
    assert entry["message"] == "open rtsp://…@192.168.1.20:554/stream1"
    assert (entry["camera"], entry["tries"], entry["level"], entry["logger"]) == ("main", 3, "warning", "pi_cam.test")
    assert entry["time"].endswith("+00:00")


@pytest.mark.parametrize("message", ["line\nbreak", 'quote " and \\', "é 🦊", "\x00\x1b[31m", "\ud800 alone"])
def test_one_record_is_one_line_of_json(message: str) -> None:
    written = line("%s", message, extra={"thing": object()})
    assert "\n" not in written
    assert "\x1b" not in written
    written.encode()
    json.loads(written)


def test_everything_goes_to_stderr_and_libraries_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    before = (logging.root.handlers[:], logging.root.level, logging.getLogger("pi_cam").level)
    try:
        configure_logging("debug")
        logging.getLogger("pi_cam.hub").debug("ours")
        logging.getLogger("aiortc").info("theirs")
        logging.getLogger("libav").error("rtsp://a:b@c")
    finally:
        logging.root.handlers[:], level, ours = before
        logging.root.setLevel(level)
        logging.getLogger("pi_cam").setLevel(ours)
        logging.getLogger("libav").setLevel(logging.NOTSET)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [json.loads(one)["message"] for one in captured.err.splitlines()] == ["ours"]
