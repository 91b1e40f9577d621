"""A running server, asked by the same visitors and devices as an application: over a real connection."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from flask import Flask
from werkzeug.test import Client

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

NAME = "portal.test"
NOT_PASSED_ON = {"connection", "transfer-encoding", "keep-alive"}
SECONDS = 30.0


@dataclass
class Remote:
    """What werkzeug's client takes for an application. `trust`: a certificate, if TLS is spoken. `told`: what the machine in
    front of it would add, by the address of the client. `sent`: in every request, whatever else would be there. `name`: in
    its certificate."""

    port: int
    trust: str | None = None
    told: bool = False
    sent: dict[str, str] = field(default_factory=dict)
    name: str = NAME

    def test_client(self) -> Client:
        return Client(self)

    def as_application(self) -> Flask:
        """For those who want no more of it than a client."""
        return cast("Flask", self)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        connection = self._connection()
        try:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            connection.request(environ["REQUEST_METHOD"], environ["REQUEST_URI"], body or None, self._headers(environ))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        headers = [pair for pair in answer.getheaders() if pair[0].lower() not in NOT_PASSED_ON]
        start_response(f"{answer.status} {answer.reason}", headers)
        return [content]

    def _connection(self) -> http.client.HTTPConnection:
        if self.trust is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        return _Named(self.port, self.name, ssl.create_default_context(cafile=self.trust))

    def _headers(self, environ: WSGIEnvironment) -> dict[str, str]:
        found = {key[5:].replace("_", "-").title(): str(value) for key, value in environ.items() if key[:5] == "HTTP_"}
        if environ.get("CONTENT_TYPE"):
            found["Content-Type"] = environ["CONTENT_TYPE"]
        if self.told:
            found |= {"X-Real-IP": environ.get("REMOTE_ADDR", "192.0.2.9"), "X-Forwarded-Proto": "https"}
        return {**found, **self.sent}


class _Named(http.client.HTTPSConnection):
    """On this machine, whatever the name."""

    def __init__(self, port: int, name: str, context: ssl.SSLContext) -> None:
        super().__init__("127.0.0.1", port, timeout=SECONDS, context=context)
        self._own_context, self._name = context, name

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), SECONDS)
        self.sock = self._own_context.wrap_socket(plain, server_hostname=self._name)
