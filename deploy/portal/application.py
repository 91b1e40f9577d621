"""The portal for a host that wants the path of a WSGI file, such as alwaysdata: its "application path" is this file's.

What stands in front of such a host's programs says in X-Real-IP who asks, and writes it anew. X-Forwarded-For it leaves as
the client wrote it, so that PORTAL_PROXIES stays 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from web.portal.wsgi import app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The whole portal."""
    address = environ.get("HTTP_X_REAL_IP")
    if address:
        environ["REMOTE_ADDR"] = address
    return app(environ, start_response)
