"""Somebody with a browser, without the browser: keeps cookies, finds forms, sends them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.portal.post_office import PostOffice

PASSWORD = "a green door behind the old house"
TOKEN = re.compile(r'name="form_token" value="([^"]*)"')
URL = "https://portal.test"


class Visitor:
    """`address`: where they come from. `language`: what their browser asks for."""

    def __init__(self, app: Flask, office: PostOffice, address: str = "192.0.2.7", language: str = "en") -> None:
        self.client = app.test_client()
        self.office = office
        self.address = address
        self.language = language
        self.token = ""

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        """Until the answer has left, and what is done then is done."""
        headers = {"Accept-Language": self.language, "User-Agent": "Firefox/140 Linux"} | options.pop("headers", {})
        response = self.client.open(
            path,
            method=method,
            base_url=options.pop("base_url", URL),
            headers=headers,
            environ_overrides={"REMOTE_ADDR": self.address},
            buffered=True,
            **options,
        )
        response.close()
        found = TOKEN.search(response.text)
        if found:
            self.token = unescape(found[1])
        return response

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.send("GET", path, **options)

    def post(self, path: str, page: str | None = None, **fields: str) -> TestResponse:
        """From the form on `page` (the path itself, unless another is named)."""
        shown = self.get(page or path)
        assert shown.status_code == 200, (shown.status_code, shown.headers.get("Location"))
        return self.send("POST", path, data={"form_token": self.token, **fields})

    def sign_up(self, email: str, password: str = PASSWORD) -> TestResponse:
        return self.post("/signup", email=email, password=password)

    def confirm(self, email: str, password: str = PASSWORD) -> TestResponse:
        return self.post(self.office.link(email), password=password)

    def sign_in(self, email: str, password: str = PASSWORD, **more: str) -> TestResponse:
        return self.post("/signin", email=email, password=password, **more)

    def join(self, email: str, password: str = PASSWORD) -> Visitor:
        """Has an account from then on, and is signed in."""
        assert self.sign_up(email, password).status_code == 200
        assert self.confirm(email, password).status_code == 303
        return self

    def is_in(self) -> bool:
        return self.get("/account").status_code == 200
