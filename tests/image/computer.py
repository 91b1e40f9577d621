"""What a computer at the camera's USB cable does; runs in the machine, in the computer's network, with Debian's Python.

computer.py open URL [CERTIFICATE]    asks for it, follows nothing: status, Location; the server proves itself by CERTIFICATE
computer.py find NAME ADDRESS         asks the cable (mDNS), from our own ADDRESS, for the addresses of NAME
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


def opened(url: str, certificate: str) -> tuple[int, str | None]:
    """Status and Location."""
    asked = urlsplit(url)
    host = str(asked.hostname)
    if asked.scheme == "https":
        trust = ssl.create_default_context(cafile=certificate)
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(host, timeout=60, context=trust)
    else:
        connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("GET", asked.path)
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
    said = found(*words) if what == "find" else opened(words[0], "".join(words[1:]))
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
