"""Reads one file from a web host, within bounds: over TLS, from the very addresses that were looked at, with few ways on,
and no longer than it may take. Whoever serves it is a stranger."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from urllib.parse import urljoin

from pi_cam.capture.addresses import Address, Lookup, parse, resolve, system_lookup
from pi_cam.errors import AddressRefused, ReleasesUnreachable, SettingError, SourceUnreachable

CONNECT_SECONDS = 10.0
LOOK_SECONDS = 0.5
"""How often it is looked whether anybody still waits."""

WAYS_ON = 3
ONWARD = frozenset({301, 302, 303, 307, 308})
NO_ADDRESS = (
    "The address of the updates makes no sense: a folder at a web host is meant, such as https://example.org/pi-cam/."
)


class Deadline:
    """How long something may take in all. `ended()`: whether nobody waits any more."""

    def __init__(
        self, seconds: float, clock: Callable[[], float] = time.monotonic, ended: Callable[[], bool] = lambda: False
    ) -> None:
        self._clock, self._ended = clock, ended
        self.extend(seconds)

    def extend(self, seconds: float) -> None:
        """So long from now."""
        self._until = self._clock() + seconds

    def left(self, most: float = LOOK_SECONDS) -> float:
        """Seconds to wait for now, `most` at most. Raises `TimeoutError` when it is over."""
        left = self._until - self._clock()
        if left <= 0 or self._ended():
            raise TimeoutError
        return min(left, most)


class WebFile:
    """An open file of a web host. `read` raises `ReleasesUnreachable`."""

    def __init__(self, answer: http.client.HTTPResponse, host: str) -> None:
        self._answer, self.host = answer, host

    def read(self, count: int) -> bytes:
        """So many bytes; fewer only at its end."""
        with _in_words(self.host):
            return self._answer.read(count)


@contextlib.contextmanager
def opened(
    url: str,
    deadline: Deadline,
    *,
    by_operator: bool = False,
    lookup: Lookup = system_lookup,
    context: ssl.SSLContext | None = None,
) -> Iterator[WebFile]:
    """`by_operator`: whoever has the machine gave the address: it may lead to this machine, there also without TLS. Where
    it is sent on, only TLS and public addresses count, but for the same host. Raises `SettingError` for an address that
    makes no sense, `ReleasesUnreachable`."""
    address, first = checked(url, by_operator=by_operator), True
    for _ in range(WAYS_ON + 1):
        with contextlib.ExitStack() as cleanup:
            answer = _asked(address, deadline, by_operator, first, lookup, context, cleanup)
            if answer.status == http.client.OK:
                yield WebFile(answer, address.host)
                return
            onward = _onward(address, answer)
        first = first and onward.host == address.host
        by_operator = by_operator and first
        address = onward
    raise ReleasesUnreachable(f"The web host {address.host} sends us on again and again.")


def checked(url: str, *, by_operator: bool) -> Address:
    """A web address in its parts (RFC 3986). Raises `SettingError`."""
    try:
        address = parse(url)
    except AddressRefused:
        raise SettingError(NO_ADDRESS) from None
    plain = address.scheme == "http" and by_operator and address.host in ("localhost", "127.0.0.1", "::1")
    if address.userinfo or not (address.scheme == "https" or plain):
        raise SettingError(NO_ADDRESS)
    return address


def _asked(
    address: Address,
    deadline: Deadline,
    by_operator: bool,
    allow_lan: bool,
    lookup: Lookup,
    context: ssl.SSLContext | None,
    cleanup: contextlib.ExitStack,
) -> http.client.HTTPResponse:
    try:
        ips = resolve(address, by_operator=by_operator, allow_lan=allow_lan, lookup=lookup).ips
    except AddressRefused:
        raise ReleasesUnreachable(
            f"The web host {address.host} is not asked for updates: it is this machine itself, or in a private network."
        ) from None
    except SourceUnreachable as error:
        raise ReleasesUnreachable(str(error)) from None
    with _in_words(address.host):
        tls = context or ssl.create_default_context() if address.scheme == "https" else None
        connection = _Connection(address, ips, deadline, tls, cleanup)
        headers = {"Accept-Encoding": "identity", "Connection": "close", "User-Agent": "pi-cam"}
        connection.request("GET", address.path, headers=headers)
        answer = cleanup.enter_context(contextlib.closing(connection.getresponse()))
    if answer.status in (http.client.NOT_FOUND, http.client.GONE):
        name = address.path.partition("?")[0].rpartition("/")[2]
        raise ReleasesUnreachable(f"The web host {address.host} has no update for this camera ({name}).")
    if answer.status != http.client.OK and answer.status not in ONWARD:
        raise ReleasesUnreachable(f"The web host {address.host} gives no update now ({answer.status}).")
    return answer


def _onward(address: Address, answer: http.client.HTTPResponse) -> Address:
    try:
        onward = parse(urljoin(f"{address.scheme}://{_shown(address)}{address.path}", answer.getheader("Location", "")))
    except (AddressRefused, ValueError):
        onward = None
    if onward is None or onward.scheme != "https" or onward.userinfo:
        raise ReleasesUnreachable(
            f"The web host {address.host} sends us on to an address without TLS, which is not followed."
        )
    return onward


def _shown(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


@contextlib.contextmanager
def _in_words(host: str) -> Iterator[None]:
    """Whatever goes wrong on the way, in a sentence."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise ReleasesUnreachable(
            f"The certificate of the web host {host} is not to be trusted: {error.verify_message}."
        ) from error
    except TimeoutError as error:
        raise ReleasesUnreachable(f"The web host {host} is too slow, or went silent.") from error
    except (http.client.IncompleteRead, ConnectionError) as error:
        raise ReleasesUnreachable(f"The connection to the web host {host} broke off.") from error
    except http.client.HTTPException as error:
        raise ReleasesUnreachable(f"The web host {host} answers, but not as a web host does.") from error
    except (OSError, UnicodeError, ValueError) as error:
        raise ReleasesUnreachable(f"The web host {host} does not answer.") from error


class _Connection(http.client.HTTPConnection):
    """To these addresses and no others, whatever the name means by now."""

    def __init__(
        self,
        address: Address,
        ips: tuple[str, ...],
        deadline: Deadline,
        context: ssl.SSLContext | None,
        cleanup: contextlib.ExitStack,
    ) -> None:
        super().__init__(address.host, address.port)
        self._ips, self._deadline, self._context, self._cleanup = ips, deadline, context, cleanup

    def connect(self) -> None:
        plain = self._connected()
        self._cleanup.enter_context(contextlib.closing(plain))
        plain.settimeout(self._deadline.left(CONNECT_SECONDS))
        if self._context is not None:
            plain = self._context.wrap_socket(plain, server_hostname=self.host)
            self._cleanup.enter_context(contextlib.closing(plain))
        self.sock = _Timed(plain, self._deadline)

    def _connected(self) -> socket.socket:
        for ip in self._ips[:-1]:
            with contextlib.suppress(OSError):
                return socket.create_connection((ip, self.port), self._deadline.left(CONNECT_SECONDS))
        return socket.create_connection((self._ips[-1], self.port), self._deadline.left(CONNECT_SECONDS))


class _Timed:
    """What `http.client` needs of a socket. A peer that sends a byte now and then does not make it last."""

    def __init__(self, inner: socket.socket, deadline: Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def sendall(self, data: bytes) -> None:
        self._inner.settimeout(self._deadline.left(CONNECT_SECONDS))
        self._inner.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self._inner, self._deadline))

    def close(self) -> None:
        """`http.client` does so while the answer is still read: whoever opened the socket closes it."""


class _Reading(io.RawIOBase):
    def __init__(self, inner: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._inner, self._deadline = inner, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while True:
            self._inner.settimeout(self._deadline.left())  # raises when it took too long in all
            with contextlib.suppress(TimeoutError):
                return self._inner.recv_into(buffer)
