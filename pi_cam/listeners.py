"""The addresses at which the camera listens: one for the home, and one that a tunnel on this machine connects to."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pi_cam.errors import SettingError
from pi_cam.trust import own_names

Name = Literal["lan", "tunnel"]

ENVIRON_KEY = "pi_cam.listener"
"""In the WSGI environment: through which listener a request came. No header of a client can have this name."""

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket. Beyond loopback there is TLS; the tunnel's end is on loopback, and TLS ends outside."""

    name: Name
    host: str
    socket: socket.socket
    port: int
    """The one that it really got. (gunicorn takes the socket over, which then cannot be asked any more.)"""

    @property
    def tls(self) -> bool:
        """Whether its connections are wrapped in TLS."""
        return not ipaddress.ip_address(self.host).is_loopback

    @property
    def url(self) -> str:
        """An address that a person can open."""
        host = _reachable(self.host)
        return f"{'https' if self.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"


def bind(host: str, port: int, name: Name = "lan") -> Listener:
    """Binds without listening yet. Raises `SettingError` when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as undo:
        try:
            listener = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
        except OSError as error:
            raise SettingError(f"Cannot listen on {host} port {port}: {error.strerror}.") from error
        undo.pop_all()
        return Listener(name, host, listener, int(listener.getsockname()[1]))


def plan(host: str, port: int, tunnel_port: int | None) -> tuple[tuple[str, int, Name], ...]:
    """Where to listen: what `bind` takes. Raises `SettingError` for what makes no sense."""
    try:
        host = str(ipaddress.ip_address(host))
    except ValueError:
        raise SettingError("--listen takes an IP address, such as 127.0.0.1.") from None
    if tunnel_port is None:
        return ((host, port, "lan"),)
    if tunnel_port == port != 0:
        raise SettingError("--tunnel-port and --port must differ: by the port we tell who comes from outside.")
    return ((host, port, "lan"), (LOOPBACK, tunnel_port, "tunnel"))


def bind_all(places: Iterable[tuple[str, int, Name]]) -> tuple[Listener, ...]:
    """All of them or none. Raises `SettingError`."""
    with contextlib.ExitStack() as undo:
        listeners = []
        for place in places:
            listeners.append(bind(*place))
            undo.enter_context(listeners[-1].socket)
        undo.pop_all()
        return tuple(listeners)


class ListenerStamp:
    """WSGI middleware: notes by which port a request came in, and whether over TLS. Nothing that a client sends counts."""

    def __init__(self, application: Callable[..., Iterable[bytes]], listeners: Iterable[Listener]) -> None:
        self._application = application
        self._by_port = {listener.port: listener for listener in listeners}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Called by the server."""
        listener = self._by_port[environ["gunicorn.socket"].getsockname()[1]]
        environ[ENVIRON_KEY] = listener.name
        environ["wsgi.url_scheme"] = "https" if listener.tls else "http"
        # Compression would cost each socket some 300 kB, and what passes here is small or compressed already.
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        return self._application(environ, start_response)


def _reachable(host: str) -> str:
    if not ipaddress.ip_address(host).is_unspecified:
        return host
    version = ipaddress.ip_address(host).version
    beyond = [address for address in own_names.present_addresses() if not address.is_loopback]
    fitting = [address for address in beyond if version == 6 or address.version == 4]
    return str(fitting[0]) if fitting else {4: LOOPBACK, 6: "::1"}[version]
