"""Cloudflare's TURN service: an answer of its API, taken apart with distrust.

`POST /v1/turn/keys/KEY/credentials/generate-ice-servers` with `{"ttl": seconds}` answers `{"iceServers": [{"urls": […]},
{"urls": […], "username": "…", "credential": "…"}]}` (developers.cloudflare.com/realtime/turn/generate-credentials).
"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

from web.portal.errors import PortalError
from web.portal.turn import ICE_URL, URLS_MOST, CloudflareTurn

SECONDS = 5.0
LARGEST_ANSWER = 16 * 1024
LONGEST_CREDENTIAL = 512
SERVERS_MOST = 4
DNS_PORT = "53"
"""They offer it too, but browsers refuse to speak to it, and wait in vain."""


class NoAnswer(PortalError):
    """There are no credentials from there now."""


def ice_servers(turn: CloudflareTurn, seconds: int) -> list[dict[str, Any]]:
    """As `RTCIceServer` has them, less what no browser uses. Raises `NoAnswer`."""
    found = _asked(turn, seconds).get("iceServers")
    given = found if isinstance(found, list) else [found]
    servers = [_server(one) for one in given[:SERVERS_MOST]]
    if not any("credential" in one for one in servers):
        raise NoAnswer("its answer makes no sense")
    return servers


def _server(given: object) -> dict[str, Any]:
    if not isinstance(given, dict) or not isinstance(given.get("urls"), list):
        raise NoAnswer("its answer makes no sense")
    urls = [url for url in given["urls"] if isinstance(url, str) and _is_usable(url)][:URLS_MOST]
    credentials = {name: given[name] for name in ("username", "credential") if name in given}
    if not urls or any(
        not isinstance(one, str) or not 0 < len(one) <= LONGEST_CREDENTIAL for one in credentials.values()
    ):
        raise NoAnswer("its answer makes no sense")
    return {"urls": urls, **credentials}


def _is_usable(url: str) -> bool:
    found = ICE_URL.fullmatch(url)
    return found is not None and found["port"] != DNS_PORT


def _asked(turn: CloudflareTurn, seconds: int) -> dict[str, Any]:
    parts = urlsplit(turn.url)
    path = f"/v1/turn/keys/{turn.key}/credentials/generate-ice-servers"
    headers = {"Authorization": f"Bearer {turn.token}", "Content-Type": "application/json"}
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    try:
        connection.request("POST", path, json.dumps({"ttl": seconds}), headers)
        with connection.getresponse() as response:
            text = response.read(LARGEST_ANSWER + 1)
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"it does not answer ({type(error).__name__})") from error
    finally:
        connection.close()
    if not 200 <= response.status < 300 or len(text) > LARGEST_ANSWER:
        raise NoAnswer(f"it answers {response.status}")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise NoAnswer("its answer makes no sense")
    return body


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=SECONDS)
