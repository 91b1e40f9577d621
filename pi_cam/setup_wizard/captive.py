"""The one page of the setup hotspot, by plain HTTP: it takes the credentials of a Wi-Fi network, sealed, and nothing else.

nginx hands it every request that comes to the hotspot's own address, through a socket that no other program may open: which
door a request came through decides what it may do, never what it says of itself. A phone asks for pages of its maker to find
out whether there is the Internet; whatever is not asked of the hotspot's address is sent on to the page.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pi_cam.setup_wizard.captive_page import CaptivePage
from pi_cam.setup_wizard.network_profiles import HOTSPOT_ADDRESS
from pi_cam.setup_wizard.sealed import OUT_OF_DATE, Seal
from pi_cam.setup_wizard.wifi import WifiError
from pi_cam.setup_wizard.wifi_keeper import Keeper

log = logging.getLogger(__name__)

ORIGIN = f"http://{HOTSPOT_ADDRESS}"
PAGE = "/setup-wifi"
API = "/captive/api"
"""RFC 8908; a phone is told of it by DHCP (RFC 8910, option 114)."""

CAMERA_NAME = Path("/run/pi-cam/name")
OWN_NAME = re.compile(rb"(pi-cam-[a-z2-7]{6}\.local)\n")
NAME_BYTES_MAX = 64

HEAD_BYTES_MAX, BODY_BYTES_MAX = 16 * 1024, 4096
SECONDS = 10.0
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Request:
    """`headers`: names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back."""

    status: HTTPStatus
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def camera_name(path: Path = CAMERA_NAME) -> str | None:
    """As the camera tells it (`control/name_notice.py`), whose user may write anything there; None where it tells none."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            said = file.read(NAME_BYTES_MAX)
    except (OSError, ValueError):
        return None
    found = OWN_NAME.fullmatch(said or b"")
    return found[1].decode("ascii") if found else None


class Captive:
    """Answers while the hotspot is up, and the page is ready."""

    def __init__(self, keeper: Keeper, page: CaptivePage, own_name: Callable[[], str | None] = camera_name) -> None:
        self._keeper, self._ready, self._own_name = keeper, page, own_name
        self._seal = Seal()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request. `reader` must have `HEAD_BYTES_MAX` as its limit."""
        try:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(SECONDS):
                    request = await read(reader)
                    bad = Response(HTTPStatus.BAD_REQUEST)
                    answer = bad if request is None else await self.answer(request)
                    writer.write(packed(answer, head=request is not None and request.method == "HEAD"))
                    await writer.drain()
        finally:
            writer.close()

    async def answer(self, request: Request) -> Response:
        """To one request; never raises."""
        if not self._keeper.is_hotspot or not self._ready.html:
            return Response(HTTPStatus.SERVICE_UNAVAILABLE)
        if request.headers.get("host", "").removesuffix(":80") != HOTSPOT_ADDRESS:
            return _to_page()
        path = urlsplit(request.target).path
        if path == f"{PAGE}/join":
            return self._join(request) if request.method == "POST" else Response(HTTPStatus.METHOD_NOT_ALLOWED)
        if request.method not in ("GET", "HEAD"):
            return Response(HTTPStatus.METHOD_NOT_ALLOWED)
        if path == PAGE:
            self._keeper.visited()
            return self._page(request)
        if path == f"{PAGE}/state":
            self._keeper.visited()
            return await self._state()
        if path == API:
            said = {"captive": True, "user-portal-url": ORIGIN + PAGE}
            return Response(HTTPStatus.OK, json.dumps(said).encode(), "application/captive+json")
        file = self._ready.files.get(path.removeprefix(f"{PAGE}/")) if path.startswith(f"{PAGE}/") else None
        return _to_page() if file is None else Response(HTTPStatus.OK, file, TYPES[path.rpartition(".")[2]])

    def _page(self, request: Request) -> Response:
        asked = parse_qs(urlsplit(request.target).query).get("lang", [""])[0]
        language = asked if asked in self._ready.html else preferred(request.headers.get("accept-language", ""))
        return Response(HTTPStatus.OK, self._ready.html[language].encode(), "text/html; charset=utf-8")

    async def _state(self) -> Response:
        networks = [asdict(one) for one in await self._keeper.networks()]
        state = asdict(self._keeper.state())
        said = {"key": self._seal.public, "state": state, "networks": networks, "name": self._own_name()}
        return _json(HTTPStatus.OK, said)

    def _join(self, request: Request) -> Response:
        if request.headers.get("origin", ORIGIN) != ORIGIN:
            return Response(HTTPStatus.FORBIDDEN)
        try:
            said = json.loads(request.body)
            if not isinstance(said, dict) or not isinstance(said.get("sealed"), str):
                raise WifiError(OUT_OF_DATE)
            wanted = self._seal.open(said["sealed"])
            self._keeper.join(wanted.ssid, wanted.passphrase, hidden=wanted.hidden)
        except WifiError as error:
            return _json(HTTPStatus.CONFLICT, {"error": str(error)})
        except (ValueError, RecursionError):
            return _json(HTTPStatus.BAD_REQUEST, {"error": OUT_OF_DATE})
        return _json(HTTPStatus.ACCEPTED, {"hotspot": self._keeper.name})


async def read(reader: asyncio.StreamReader) -> Request | None:
    """One request of HTTP/1.x as nginx writes it; None for anything else."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        pairs = [line.split(":", 1) for line in lines]
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= BODY_BYTES_MAX or not target.startswith("/"):
            return None
        urlsplit(target)  # ValueError: half an IPv6 address, and the like
        return Request(method, target, headers, await reader.readexactly(length))
    except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None


def packed(response: Response, *, head: bool = False) -> bytes:
    """As it goes over the line."""
    headers = {
        "Content-Type": response.kind,
        "Content-Length": str(len(response.body)),
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Connection": "close",
        **response.headers,
    }
    lines = [f"HTTP/1.1 {response.status.value} {response.status.phrase}", *(f"{a}: {b}" for a, b in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if head else response.body)


def preferred(accept_language: str) -> str:
    """`fr` where a browser names it before English, else `en` (RFC 9110, 12.5.4; browsers write the best first)."""
    for one in accept_language.lower().split(","):
        language = one.strip()[:2]
        if language in ("fr", "en"):
            return language
    return "en"


def _to_page() -> Response:
    return Response(HTTPStatus.FOUND, headers={"Location": ORIGIN + PAGE})


def _json(status: HTTPStatus, said: object) -> Response:
    return Response(status, json.dumps(said).encode(), "application/json")
