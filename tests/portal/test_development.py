"""`make portal`: a person who works on it needs nothing but the command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib import request
from urllib.parse import urlencode

from tests.portal.post_office import free_port
from tests.portal.served import wait_for
from web.portal.development import SAMPLE_EMAIL, SAMPLE_PASSWORD

HERE = Path(__file__).parents[2]


class Browser:
    """Keeps cookies."""

    def __init__(self, port: int) -> None:
        self._url = f"http://localhost:{port}"
        self._opener = request.build_opener(request.HTTPCookieProcessor())

    def ask(self, path: str, fields: dict[str, str] | None = None) -> str:
        body = urlencode(fields).encode() if fields else None
        with self._opener.open(self._url + path, body, timeout=10) as answer:
            return str(answer.read().decode())


def test_it_starts_and_the_sample_account_is_good(tmp_path: Path) -> None:
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"DATABASE_URL": f"sqlite:///{tmp_path}/portal.db", "PORTAL_BCRYPT_COST": "4"}
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "web.portal.development"], cwd=HERE, env=environment, stdout=file, stderr=file
        )
    try:
        wait_for(port, process, log)
        said = log.read_text()
        assert f"portal on http://localhost:{port}" in said
        assert f"{SAMPLE_EMAIL}, password: {SAMPLE_PASSWORD}" in said
        opener = Browser(port)
        token = re.search(r'name="form_token" value="([^"]+)"', opener.ask("/signin"))
        assert token
        fields = {"form_token": token[1], "email": SAMPLE_EMAIL, "password": SAMPLE_PASSWORD}
        opener.ask("/signin", fields)
        assert SAMPLE_EMAIL in opener.ask("/account")
    finally:
        process.terminate()
        assert process.wait(10) == 0
