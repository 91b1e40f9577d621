"""What a phone on the hotspot does by HTTP; runs in the machine, in the phone's network, with the camera's Python.

phone.py probe HOST PATH          what a system asks to find out whether there is the Internet: status, Location
phone.py get PATH                 of the hotspot's own address: the body
phone.py send SSID PASSPHRASE     seals them as the page does and sends them: status, answer
"""

from __future__ import annotations

import base64
import http.client
import json
import sys

from nacl.public import Box, PrivateKey, PublicKey

ADDRESS = "10.42.0.1"


def asked(method: str, path: str, host: str = ADDRESS, body: bytes | None = None) -> tuple[int, str | None, str]:
    """Status, Location, body. The connection goes to where the phone's DNS says that `host` is."""
    connection = http.client.HTTPConnection(host, timeout=60)
    kind = {"Content-Type": "application/json"} if body else {}
    connection.request(method, path, body, {"Host": host, **kind})
    response = connection.getresponse()
    return response.status, response.headers["Location"], response.read().decode()


def sealed(key: str, **credentials: object) -> str:
    """As web/ui/player/captive.js does."""
    own = PrivateKey.generate()
    plain = json.dumps(credentials).encode().ljust(512)
    box = Box(own, PublicKey(base64.b64decode(key))).encrypt(plain)
    return base64.b64encode(bytes(own.public_key) + box).decode()


def main(what: str, *words: str) -> None:
    """Prints JSON."""
    if what == "probe":
        status, location, _ = asked("GET", words[1], words[0])
        sys.stdout.write(json.dumps([status, location]))
    elif what == "get":
        sys.stdout.write(asked("GET", words[0])[2])
    else:
        key = json.loads(asked("GET", "/setup-wifi/state")[2])["key"]
        hidden = words[2:] == ("hidden",)
        text = sealed(key, ssid=words[0], passphrase=words[1] or None, hidden=hidden)
        status, _, body = asked("POST", "/setup-wifi/join", body=json.dumps({"sealed": text}).encode())
        sys.stdout.write(json.dumps([status, json.loads(body)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
