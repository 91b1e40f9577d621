"""How a request came here: through which listener, over TLS or not, under which name, from whom. A client's headers do not
decide any of it; the one that is read, `X-Real-IP`, counts only where our own nginx sets it."""

from __future__ import annotations

import ipaddress
import re

from flask import request

from pi_cam.api.services import services
from pi_cam.listeners import ENVIRON_KEY, Name
from pi_cam.trust.own_names import LOOPBACK_NAMES, is_private, plain_address, present_addresses

PLAIN_COOKIE = "sid"
SECURE_COOKIE = "__Host-sid"
HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::\d{1,5})?", re.ASCII)
"""A Host header (RFC 9110, section 7.2), and nothing else that a URL could begin with."""


def listener() -> Name:
    """Through which this request came; without a server (in tests) the LAN's."""
    name: Name = request.environ.get(ENVIRON_KEY, "lan")
    return name


def behind_proxy() -> bool:
    """Whether our own nginx ends TLS in front of the listener through which this request came."""
    return listener() == "lan" and services().settings.flag("behind_proxy")


def is_secure() -> bool:
    """Whether the browser speaks TLS, though it may end before us: nginx or the tunnel's far end."""
    return request.scheme == "https" or listener() == "tunnel" or behind_proxy()


def scheme() -> str:
    """What stands before our name in the browser."""
    return "https" if is_secure() else "http"


def cookie_name() -> str:
    """Of the session. Over TLS one that no other host and no plain connection can set (RFC 6265bis, section 4.1.3.2)."""
    return SECURE_COOKIE if is_secure() else PLAIN_COOKIE


def known_cookie_name() -> str:
    """Of the word that this browser signed in here before."""
    return "__Host-known" if is_secure() else "known"


def client_address() -> str:
    """Whom to slow down; never a reason to let anybody in."""
    seen = request.remote_addr or ""
    if not behind_proxy():
        return seen
    try:
        return str(ipaddress.ip_address(request.headers.get("X-Real-IP", "")))
    except ValueError:
        return seen


def from_far() -> bool:
    """Whether whoever asks is not in the home's own network: through the tunnel, or from a public address by a port that
    somebody opened."""
    try:
        address = ipaddress.ip_address(plain_address(client_address()))
    except ValueError:
        return True
    return listener() == "tunnel" or not (address.is_loopback or is_private(address))


def own_authority() -> bool:
    """Whether the browser sees a certificate of the device's own authority here, and so may have warned."""
    return listener() == "lan" and is_secure() and not services().certificates.own_in_use


def under_own_name(lan_names: frozenset[str]) -> bool:
    """Whether the Host header names this camera. Else any site could have its own name point here (DNS rebinding)."""
    name = _host_name()
    if name is None:
        return False
    if name in LOOPBACK_NAMES:
        return True
    if listener() == "tunnel":
        return name in services().tunnel.names()
    ours = name in lan_names or name in services().discovery.names or services().certificates.is_owners_name(name)
    return ours or plain_address(name) in _own_addresses()


def _own_addresses() -> set[str]:
    """The one to which the client connected; behind nginx it is nginx's, and any of this machine will do."""
    if behind_proxy():
        return {str(address) for address in present_addresses()}
    here = request.environ.get("gunicorn.socket")
    return {plain_address(here.getsockname()[0])} if here is not None else set()


def _host_name() -> str | None:
    """The name in the Host header; None when it is malformed. (Flask's own check refuses every IPv6 address.)"""
    found = HOST.fullmatch(request.environ.get("HTTP_HOST", ""))
    return (found["six"] or found["name"]).lower() if found else None
