"""Addresses and a way out. Nothing is contacted."""

from __future__ import annotations

import fcntl
import socket
import struct
from pathlib import Path

from pi_cam.control.findings import Finding, Place
from pi_cam.trust.own_names import present_addresses

SIOCGIFFLAGS, IFF_RUNNING = 0x8913, 0x40
"""netdevice(7)."""


def tunnel(place: Place) -> list[Finding]:
    """The way in from outside, as those say who keep it up."""
    return [Finding("tunnel", *line) for line in place.tunnel()]


def network(place: Place) -> list[Finding]:
    """Where this machine is reached, and whether it reaches others."""
    own = [one for one in present_addresses() if not one.is_loopback]
    if not own:
        text = "This machine has no address in a home network: only it can show the picture."
        return [Finding("network", "optional", text, "Plug in the network cable, or join a wireless network.")]
    listed = ", ".join(map(str, own))
    if all(one.is_link_local for one in own):
        text = f"This machine gave itself an address ({listed}), since no router gave it one."
        return [Finding("network", "optional", text, "Look whether the router is on and gives out addresses (DHCP).")]
    six = _has_ipv6(place.root)
    text = f"This machine is at {listed}, and has IPv6." if six else f"This machine is at {listed}; it has no IPv6."
    return [Finding("network", "ok", text), _way_out(place.root)]


def _way_out(root: Path) -> Finding:
    if _has_default_route(root):
        return Finding("network", "ok", "There is a way to other networks.")
    text = "There is no way to other networks: it can be watched from this one only, and gets no updates."
    return Finding("network", "optional", text, "Look whether the router is on; without DHCP, name it as the gateway.")


def _has_default_route(root: Path) -> bool:
    """One whose interface is up and has a cable in it, or the like; a route that refuses has none (`*`)."""
    four = [line.split() for line in _lines(root / "proc/net/route")[1:]]
    six = [line.split() for line in _lines(root / "proc/net/ipv6_route")]
    ways = [row[0] for row in four if row[1] == row[7] == "00000000"]
    ways += [row[9] for row in six if row[0] == "0" * 32 and row[1] == "00" and row[9] != "lo"]
    return any(map(_is_running, ways))


def _is_running(interface: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            answer = fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("256s", interface.encode()))
        except OSError:
            return False
    return bool(struct.unpack_from("H", answer, 16)[0] & IFF_RUNNING)


def _has_ipv6(root: Path) -> bool:
    """An address beyond the link (scope 20) and the machine itself (10)."""
    return any(line.split()[3] == "00" for line in _lines(root / "proc/net/if_inet6"))


def _lines(path: Path) -> list[str]:
    return path.read_text("ascii").splitlines() if path.exists() else []
