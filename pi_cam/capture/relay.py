"""A door on loopback through which the demuxer reaches one checked camera, and nothing else.

The demuxer is told `127.0.0.1`; this module connects to the address that was checked, speaks TLS, notices silence,
refuses redirects, and can be cut from any thread, which FFmpeg itself cannot.
"""

from __future__ import annotations

import logging
import re
import select
import socket
import ssl
import threading
import time

from pi_cam.capture.addresses import CheckedAddress
from pi_cam.errors import AddressRefused, SourceUnreachable

log = logging.getLogger(__name__)

CONNECT_SECONDS = 4.0
SILENCE_SECONDS = 4.0
MAX_BYTES_WITHOUT_PICTURE = 16 * 1024 * 1024
"""More than any picture has. Without a bound a camera that announces an endless one fills the memory."""

OWN_ADDRESS = "A camera cannot be at this machine's own address."

_PIECE = 65_536
_LOOK_BACK = 128

_REDIRECT = re.compile(
    rb"RTSP/(?:\S{41}|\S{0,40}(?:[ \t\v\f]{9}|[ \t\v\f]{1,8}[+-]?(?:0{5}|0{0,4}3[0-9]{2}(?![0-9]))))"
)
"""A 3xx status line (RFC 2326, 7.1.1) as leniently as FFmpeg reads one, or one too long to be honest."""


class Relay:
    """One camera's door. `open`, then hand `port` to the demuxer; `close` from any thread cuts everything at once."""

    def __init__(self, checked: CheckedAddress) -> None:
        self._checked = checked
        self._closed = threading.Event()
        self._wake, self._wake_sender = socket.socketpair()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.received = 0
        self.silent = False
        self.flooding = False
        self._pictured_at = 0
        self.redirected = False

    @property
    def port(self) -> int:
        """The loopback port to connect to."""
        assert self._listener is not None  # noqa: S101 - a mistake of ours, not of the camera
        return int(self._listener.getsockname()[1])

    def open(self) -> None:
        """Connects to the camera. Blocks for at most `CONNECT_SECONDS`. Raises `SourceError`."""
        camera = _connect(self._checked)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4)
        self._thread = threading.Thread(target=self._run, args=(camera,), name="camera-relay", daemon=True)
        self._thread.start()

    @property
    def answers(self) -> bool:
        """The camera said something, and nothing is wrong with how it did."""
        return bool(self.received) and not (self.silent or self.flooding or self.redirected)

    def pictured(self) -> None:
        """The demuxer found a picture in what came."""
        self._pictured_at = self.received

    def close(self) -> None:
        """Cuts the connection; may be repeated, safe in every state, does not wait."""
        self._closed.set()
        try:
            self._wake_sender.send(b"x")
        except OSError:
            log.debug("relay closed already")

    def join(self, seconds: float) -> None:
        """Waits until the relay's thread has ended, and frees what it used."""
        self.close()
        if self._thread is not None:
            self._thread.join(seconds)
        if self._thread is None or not self._thread.is_alive():
            for end in (self._wake, self._wake_sender, self._listener):
                if end is not None:
                    end.close()

    def _run(self, first: socket.socket) -> None:
        camera: socket.socket | None = first
        while (client := self._accept()) is not None:
            with client:
                try:
                    # FFmpeg connects anew to answer an HTTP 401; each time to the same checked address.
                    camera = camera or _connect(self._checked)
                    with camera:
                        self._copy(camera, client)
                except (OSError, AddressRefused) as error:
                    log.debug("relay ended: %s", type(error).__name__)
                camera = None
        if camera is not None:
            camera.close()

    def _accept(self) -> socket.socket | None:
        """The demuxer's next connection, or None once the relay is closed."""
        assert self._listener is not None  # noqa: S101 - set before the thread starts
        while not self._closed.is_set():
            ready, _, _ = select.select([self._listener, self._wake], [], [])
            if self._listener in ready and not self._closed.is_set():
                return self._listener.accept()[0]
        return None

    def _copy(self, camera: socket.socket, client: socket.socket) -> None:
        """Carries bytes both ways until one side ends, the camera is silent, or the relay is closed."""
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(SILENCE_SECONDS)
        camera.settimeout(SILENCE_SECONDS)
        seen = b""
        heard_at = time.monotonic()
        while not self._closed.is_set():
            left = heard_at + SILENCE_SECONDS - time.monotonic()
            if left <= 0:
                self.silent = True
                return
            waiting = isinstance(camera, ssl.SSLSocket) and camera.pending() > 0
            ready, _, _ = select.select([camera, client, self._wake], [], [], 0 if waiting else left)
            if (camera in ready or waiting) and (piece := _received(camera)) is not None:
                heard_at = time.monotonic()
                seen = self._screened(seen, piece)
                self.flooding = self.received - self._pictured_at > MAX_BYTES_WITHOUT_PICTURE
                if not piece or self.redirected or self.flooding:
                    return
                client.sendall(piece)
            if client in ready:
                request = client.recv(_PIECE)
                if not request:
                    return
                camera.sendall(request)

    def _screened(self, seen: bytes, piece: bytes) -> bytes:
        """Notes a redirect in what the camera sends; gives back the end of it, to be looked at with what follows."""
        self.received += len(piece)
        if not self._checked.address.is_rtsp:
            return b""  # the demuxer itself can be told not to follow HTTP redirects
        text = seen + piece.replace(b"\r", b"")  # FFmpeg drops CR anywhere in a line
        if _REDIRECT.search(text):
            self.redirected = True
        return text[-_LOOK_BACK:]


def _received(camera: socket.socket) -> bytes | None:
    """What is there now, empty at the end, or None: a TLS record may hold no data (a session ticket, RFC 8446 4.6.1)."""
    camera.settimeout(0)
    try:
        return camera.recv(_PIECE)
    except (BlockingIOError, ssl.SSLWantReadError):
        return None
    finally:
        camera.settimeout(SILENCE_SECONDS)


def _connect(checked: CheckedAddress) -> socket.socket:
    deadline = time.monotonic() + CONNECT_SECONDS
    where = f"{checked.address.host}, port {checked.address.port}"
    failure = "does not answer"
    for ip in checked.ips:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            if not checked.by_operator and _is_own(ip):
                raise AddressRefused(OWN_ADDRESS)
            plain = socket.create_connection((ip, checked.address.port), timeout=left)
            return _prepared(plain, checked, max(deadline - time.monotonic(), 0.1))
        except AddressRefused:
            raise
        except ConnectionRefusedError:
            failure = "refuses the connection"
        except ssl.SSLCertVerificationError:
            failure = "shows a certificate that is not to be trusted"
        except ssl.SSLError:
            failure = "answers, but not with TLS"
        except OSError:
            failure = "does not answer"
    raise SourceUnreachable(f"The camera at {where} {failure}.")


def _is_own(ip: str) -> bool:
    """Whether packets to `ip` would stay here: else whether a port of ours answers could be read from how it fails."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:  # connecting it chooses a route, and sends nothing
        try:
            probe.connect((ip, 9))
        except OSError:
            return False
        return bool(probe.getsockname()[0] == ip)


def _prepared(plain: socket.socket, checked: CheckedAddress, seconds: float) -> socket.socket:
    """The connection ready for use: not to ourselves, without Nagle's delay, with TLS where the scheme says so."""
    try:
        if not checked.by_operator and plain.getsockname()[0] == plain.getpeername()[0]:
            raise AddressRefused(OWN_ADDRESS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.settimeout(seconds)
        if not checked.address.encrypted:
            return plain
        return _tls_context(checked).wrap_socket(plain, server_hostname=checked.address.host)
    except BaseException:
        plain.close()
        raise


def _tls_context(checked: CheckedAddress) -> ssl.SSLContext:
    """Certificates are verified, against the name, of what lies outside the home; a camera in it has but its own."""
    context = ssl.create_default_context()
    if not checked.public:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
