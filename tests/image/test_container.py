"""The system of the image, started natively in a container: how long it takes, and whether all of it starts."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance.guest import Guest, booted
from tests.image.card import WITHOUT_ITS_NETWORK
from tests.server import request

PAGE_SECONDS = 6.0


pytestmark = [pytest.mark.timeout(300)]


def seconds_to_page(found: list[float]) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    began = time.monotonic()
    while time.monotonic() - began < 60:
        try:
            if request("https://127.0.0.1", "GET", "/setup", trust=context).status == 200:
                found.append(time.monotonic() - began)
                return
        except OSError:
            pass
        time.sleep(0.05)


@pytest.fixture(scope="module")
def started(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Guest, float]]:
    found: list[float] = []
    looking = threading.Thread(target=seconds_to_page, args=[found])
    looking.start()
    with booted(copy, tmp_path_factory.mktemp("container") / "console", *WITHOUT_ITS_NETWORK) as guest:
        looking.join()
        assert found, guest.log()
        yield guest, found[0]


def test_the_first_page_comes_soon(started: tuple[Guest, float], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nfirst page in a container: {started[1]:.1f} s")  # noqa: T201 - the person reads this
    assert started[1] <= PAGE_SECONDS


def test_all_that_starts_runs(started: tuple[Guest, float]) -> None:
    guest = started[0]
    assert guest.run("systemctl --failed --plain --no-legend") == ""
    assert guest.run("systemctl is-active pi-cam pi-cam-front pi-cam-setup-text.path").split() == ["active"] * 3


def test_the_setup_code_is_told_until_there_is_an_owner(started: tuple[Guest, float]) -> None:
    guest = started[0]
    code = guest.run("journalctl -u pi-cam -o cat | sed -n 's/^setup-code //p'")
    assert guest.run("cat /run/pi-cam/setup-code") == code
    assert code in guest.until("cat /run/issue.d/pi-cam.issue")
    guest.run("printf 'a green door behind the house\\n' | pi-cam owner set --name Ada")
    guest.until("! test -e /run/pi-cam/setup-code")
    guest.until("! test -e /run/issue.d/pi-cam.issue")
