"""What a computer at the camera's USB cable does; runs in the machine, in the computer's network, with Debian's Python.

computer.py open URL ADDRESS CERTIFICATE    asks ADDRESS for it, follows nothing: status, Location
computer.py find NAME ADDRESS               asks the cable (mDNS), from our own ADDRESS, for the addresses of NAME
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import struct
import sys
from urllib.parse import urlsplit

MDNS = ("224.0.0.251", 5353)
A_RECORD = re.compile(rb"\x00\x01[\x00\x80]\x01.{4}\x00\x04(.{4})", re.DOTALL)
"""Type, class (first bit: no other's), time to live, length, address (RFC 1035, section 3.2.1; RFC 6762, section 10.2)."""


def opened(url: str, address: str, certificate: str) -> tuple[int, str | None]:
    """Status and Location. By https the server proves with CERTIFICATE who it is, and by a name also that it is that one."""
    asked = urlsplit(url)
    host, secure = str(asked.hostname), asked.scheme == "https"
    connection = http.client.HTTPConnection(host, 443 if secure else 80, timeout=60)
    connection.sock = socket.create_connection((address, connection.port), 60)
    if secure:
        trust = ssl.create_default_context(cafile=certificate)
        trust.check_hostname = host != address  # an address comes into the certificate within ten minutes
        connection.sock = trust.wrap_socket(connection.sock, server_hostname=host)
    connection.request("GET", asked.path, headers={"Host": host})
    response = connection.getresponse()
    return response.status, response.headers["Location"]


def found(name: str, own: str) -> list[str]:
    """IPv4 addresses of the first answer. Raises `TimeoutError` where there is none."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack("!6H", 0, 0, 1, 0, 0, 0) + labels + b"\x00" + struct.pack("!2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
        asking.bind((own, 0))
        asking.settimeout(5)
        asking.sendto(question, MDNS)
        return [socket.inet_ntoa(one) for one in A_RECORD.findall(asking.recv(9000))]


def main(what: str, *words: str) -> None:
    """Prints JSON."""
    said = found(*words) if what == "find" else opened(*words)
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
