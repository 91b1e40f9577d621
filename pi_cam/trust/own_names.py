"""Under which names and addresses this device is reached."""

from __future__ import annotations

import ipaddress
import re
import socket

import ifaddr

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")

PRIVATE_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)
"""Of every home and of nobody: a certificate for one of these is of no use anywhere else."""

ADDRESSES_MAX = 32
LABEL_MAX = 63
"""RFC 1035, section 2.3.4."""


SHARED_NAME = "pi-cam.local"
"""Of the first camera in a home."""

ID_LETTERS = 6
"""Of the device's id, in its name: a person types them, and a home has no thousand cameras."""

ALTERNATIVES = 8
"""Of a name that others in the home have, too, which the certificate's authority may sign for."""


def own_name(device: str) -> str:
    """The DNS name that leads to this device whatever else is in the home."""
    return f"pi-cam-{device[:ID_LETTERS]}.local"


def local_names(device: str) -> tuple[str, ...]:
    """DNS names: `pi-cam.local`, the one with the device's id, `localhost`, and the machine's own."""
    return tuple(dict.fromkeys([SHARED_NAME, own_name(device), "localhost", *_host_names()]))


def names_to_come(device: str) -> tuple[str, ...]:
    """`local_names`, and what avahi may make of the machine's own when another one in the home has it (`pi-cam-2.local`, as
    `avahi_alternative_host_name` counts)."""
    found = list(local_names(device))
    for name in _host_names():
        stem, number = re.fullmatch(r"(.*?)(?:-([1-9]\d{0,3}))?\.local", name, re.ASCII).groups()  # type: ignore[union-attr]
        first = int(number or 1) + 1
        found += [f"{stem}-{one}.local" for one in range(first, first + ALTERNATIVES)]
    return tuple(name for name in dict.fromkeys(found) if len(name.partition(".")[0]) <= LABEL_MAX)


def _host_names() -> list[str]:
    host = socket.gethostname().partition(".")[0].lower()
    return [f"{host}.local"] if re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", host) else []


def present_addresses() -> tuple[Address, ...]:
    """This machine's private addresses now, loopback first. Without link-local IPv6, which no browser can open."""
    found = {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")}
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            address = ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
            if is_private(address) and not (address.version == 6 and address.is_link_local):
                found.add(address)
    in_order = sorted(found, key=lambda one: (not one.is_loopback, one.version, int(one)))
    return tuple(in_order[:ADDRESSES_MAX])


def is_private(address: Address) -> bool:
    """Whether it lies in one of `PRIVATE_NETWORKS`."""
    return any(address.version == network.version and address in network for network in PRIVATE_NETWORKS)


def plain_address(text: str) -> str:
    """An address as people write it: without a zone, and IPv4 as such where a socket shows it as IPv6."""
    bare = text.partition("%")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return bare
    mapped = address.ipv4_mapped if address.version == 6 else None
    return str(mapped or address)
