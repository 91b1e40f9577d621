"""What a camera address may be. A person's camera URL is input from outside: it is checked before and after resolution.

The bytes go to the very address that was checked (`relay` connects to `CheckedAddress.ips`); no name is resolved twice.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pi_cam.errors import AddressRefused, SourceUnreachable

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
MAX_LENGTH = 2048

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Iterable[str]]
"""Name and port to numeric addresses, best first; raises `OSError` when there is none."""

_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"),
    )
)
"""Where clouds answer with a machine's own credentials: nobody's camera, not even the operator's."""

_LAN = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
_ANYCAST = ipaddress.ip_network("192.88.99.0/24")
"""Relays of 6to4, given up by RFC 7526."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_FORBIDDEN_CHARACTERS = re.compile(r"[\s\x00-\x20\x7f-\xa0\\#\ud800-\udfff]")
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*\.?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """A camera URL in its parts, well-formed but not yet resolved. `userinfo` and `path` are as they were written."""

    scheme: str
    host: str
    port: int
    path: str
    userinfo: str = field(default="", repr=False)

    @property
    def encrypted(self) -> bool:
        """True for rtsps and https."""
        return self.scheme.endswith("s")

    @property
    def is_rtsp(self) -> bool:
        """True for rtsp and rtsps."""
        return self.scheme.startswith("rtsp")


@dataclass(frozen=True, slots=True)
class CheckedAddress:
    """An address and the numeric `ips` that it may be opened at, in order of preference; never empty."""

    address: Address
    ips: tuple[str, ...]
    by_operator: bool

    @property
    def public(self) -> bool:
        """True when it lies outside the home, so that a certificate can be held to its name."""
        return all(ipaddress.ip_address(ip).is_global for ip in self.ips)

    def plain_url(self, ip: str, port: int) -> str:
        """The URL without TLS at `ip`:`port`; it holds the password, so it goes to the demuxer and nowhere else."""
        scheme = "rtsp" if self.address.is_rtsp else "http"
        host = f"[{ip}]" if ":" in ip else ip
        userinfo = f"{self.address.userinfo}@" if self.address.userinfo else ""
        return f"{scheme}://{userinfo}{host}:{port}{self.address.path}"


def parse(url: str) -> Address:
    """Takes a camera URL apart (RFC 3986). No I/O. Raises `AddressRefused`, whose text never repeats the URL."""
    if not url or len(url) > MAX_LENGTH:
        raise AddressRefused(f"A camera address has between 1 and {MAX_LENGTH} characters.")
    if url.startswith("-") or _FORBIDDEN_CHARACTERS.search(url):
        raise AddressRefused(
            "A camera address has no spaces, control characters, backslashes or #, and no leading dash; "
            "in a password they are percent-encoded."
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise AddressRefused("This camera address is malformed: its host or its port makes no sense.") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise AddressRefused("A network camera's address starts with rtsp://, rtsps://, http:// or https://.")
    if not host:
        raise AddressRefused("This camera address names no host.")
    if port == 0:
        raise AddressRefused("A camera's port is between 1 and 65535.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    userinfo = parts.netloc.rpartition("@")[0]
    return Address(parts.scheme, _checked_host(host), port or DEFAULT_PORTS[parts.scheme], path, userinfo)


def resolve(
    address: Address, *, by_operator: bool, allow_lan: bool = True, lookup: Lookup | None = None
) -> CheckedAddress:
    """Looks the host up once and keeps the addresses that may be opened. May block for as long as the resolver does.

    `by_operator`: given on this machine's command line; may name loopback and link-local. `allow_lan`: private ranges
    are fine, as for a camera at home. Raises `AddressRefused` when no address of the host may be opened,
    `SourceUnreachable` when there is no such host.
    """
    try:
        found = [_unwrapped(ip) for ip in (lookup or system_lookup)(address.host, address.port)]
    except (OSError, UnicodeError, ValueError):
        found = []
    if not found:
        raise SourceUnreachable(f"There is no host named {address.host}.")
    reasons = [_why_not(ip, by_operator=by_operator, allow_lan=allow_lan) for ip in found]
    ips = tuple(dict.fromkeys(str(ip) for ip, reason in zip(found, reasons, strict=True) if reason is None))
    if not ips:
        raise AddressRefused(f"A camera cannot be at {address.host}: that is {reasons[0]}.")
    return CheckedAddress(address, ips, by_operator)


def check_literal(address: Address, *, allow_lan: bool) -> None:
    """What can be said of an address without asking anybody. Raises `AddressRefused` for numbers that may not be opened."""
    try:
        ip = _unwrapped(address.host)
    except ValueError:
        return  # a name
    reason = _why_not(ip, by_operator=False, allow_lan=allow_lan)
    if reason is not None:
        raise AddressRefused(f"A camera cannot be at {address.host}: that is {reason}.")


def system_lookup(host: str, port: int) -> list[str]:
    """What this machine's resolver says."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(answer[4][0]) for answer in answers]


def shown(url: str) -> str:
    """A network camera's address as everybody who watches may see it: made of its parts, and of the path only what stands
    before the first `=` or `?`, since there is no end to the words under which cameras take a password there."""
    try:
        address = parse(url)
    except AddressRefused:
        return f"{url.partition(':')[0]}://***"
    if "@" in address.path:  # the end of a password that has a sign in it which ends the host
        return f"{address.scheme}://***"
    host = f"[{address.host}]" if ":" in address.host else address.host
    port = "" if address.port == DEFAULT_PORTS[address.scheme] else f":{address.port}"
    path, equals, _ = address.path.partition("?")[0].partition("=")
    hidden = "=***" if equals else "?***" if "?" in address.path else ""
    return f"{address.scheme}://{'***@' if address.userinfo else ''}{host}{port}{path}{hidden}"


def _checked_host(host: str) -> str:
    """Canonical numbers or a plain host name; what else C libraries read as numbers (`0x7f.1`) is refused."""
    try:
        # Full-width digits and the like become plain ones here (RFC 3491), before anything is judged.
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    try:
        return str(_unwrapped(name))
    except ValueError:
        pass
    last = name.rstrip(".").rpartition(".")[2]
    if ":" in name or _NUMBER.fullmatch(last):
        raise AddressRefused("Write the camera's IP address as four plain numbers, or as IPv6 in brackets.")
    if len(name) > 253 or not _HOST_NAME.fullmatch(name):
        raise AddressRefused("This camera address has a host name that cannot be.")
    return name


def _unwrapped(text: str) -> IPAddress:
    """The address that packets end up at: IPv4 hidden in IPv6 is laid bare (RFC 4291 2.5.5, RFC 6052, RFC 3056)."""
    ip = ipaddress.ip_address(text)
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip.scope_id is not None:
        raise ValueError("a zone belongs to one machine only")
    if ip in _NAT64 or (int(ip) >> 32 == 0 and int(ip) > 1):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def _why_not(ip: IPAddress, *, by_operator: bool, allow_lan: bool) -> str | None:
    """The reason for which `ip` may not be opened, or None when it may."""
    if ip in _METADATA:
        return "a cloud's metadata service"
    if ip.is_multicast or ip.is_unspecified:
        return "not one machine's address"
    if ip.is_loopback or ip.is_link_local:
        return None if by_operator else "this machine itself, or a link without addresses"
    if any(ip in network for network in _LAN):
        return None if allow_lan or by_operator else "a private network"
    return None if ip.is_global and not ip.is_reserved and ip not in _ANYCAST else "a reserved address"
