"""What a peer is: a program that sends one clip to many viewers. One file each beside this one, and a row in `PEERS`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[3]
PYTHON = sys.executable


@dataclass(frozen=True)
class Clip:
    """`file`: an mp4; `pictures`: the same as `stamped_clip` has it, with stamps or without; `cipher`: what the product
    agrees on with Chromium, for who agrees on nothing."""

    file: Path
    pictures: Path
    stamped: bool
    cipher: str = "cm"


class Peer:
    """One peer. `way`: it answers a viewer's offer, or makes one itself, or sends datagrams to an address without either."""

    name = ""
    title = ""
    way: Literal["answers", "offers", "datagrams"] = "answers"

    def missing(self) -> str:
        """What it lacks here; empty when it can run."""
        return ""

    def version(self) -> str:
        """For the page."""
        return ""

    def start(self, clip: Clip) -> None:
        """Plays `clip` in real time, again and again; returns when viewers may come."""
        raise NotImplementedError

    def stop(self) -> None:
        """All of its processes end."""
        raise NotImplementedError

    def root(self) -> int:
        """The process that counts, with all below it."""
        raise NotImplementedError

    def answer(self, offer: str) -> str:
        """The SDP answer (`answers`); of `datagrams`, `offer` is an address and a port."""
        raise NotImplementedError

    def invite(self) -> tuple[str, str]:
        """A name and an SDP offer (`offers`)."""
        raise NotImplementedError

    def accept(self, name: str, answer: str) -> None:
        """What a viewer answered to the offer of that name."""
        raise NotImplementedError


class HostedPeer(Peer):
    """A library in a small program of its own, which says `ready PORT` and takes the same calls by HTTP."""

    _process: subprocess.Popen[str]
    _port = 0

    def command(self, clip: Clip) -> Sequence[str]:
        """How the program is started."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """What is added to this process's."""
        return {}

    def start(self, clip: Clip) -> None:
        """As `Peer.start`."""
        environment = {**os.environ, **self.environment()}
        self._process = subprocess.Popen(
            self.command(clip), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said.startswith("ready "):
            self.stop()
            raise RuntimeError(f"{self.name} says {said!r}")
        self._port = int(said.split()[1])

    def stop(self) -> None:
        """Its input ends, and with it the program."""
        for end in (self._process.stdin, self._process.stdout):
            assert end is not None
            end.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def root(self) -> int:
        """As `Peer.root`."""
        return self._process.pid

    def answer(self, offer: str) -> str:
        """As `Peer.answer`."""
        return self._post("/answer", offer)

    def invite(self) -> tuple[str, str]:
        """As `Peer.invite`."""
        name, _, offer = self._post("/invite", "").partition("\n")
        return name, offer

    def accept(self, name: str, answer: str) -> None:
        """As `Peer.accept`."""
        self._post(f"/accept/{name}", answer)

    def _post(self, path: str, body: str) -> str:
        return post(f"http://127.0.0.1:{self._port}{path}", body)


def post(url: str, body: str, kind: str = "application/sdp") -> str:
    """What is answered. Raises `RuntimeError` for what is no success, `OSError` where nobody answers."""
    asked = urllib.request.Request(url, data=body.encode(), method="POST", headers={"Content-Type": kind})  # noqa: S310 - our own
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=15) as answered:
            found: bytes = answered.read()
    except urllib.error.HTTPError as error:
        with error:
            raise RuntimeError(f"{url}: {error.code} {error.read()[:500]!r}") from None
    return found.decode()


def output_of(*command: str) -> str:
    """What a program prints, on whichever stream; empty where there is none."""
    if not shutil.which(command[0]):
        return ""
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip()


def debian_version(package: str) -> str:
    """That of an installed package; empty where it is not."""
    return output_of("dpkg-query", "--showformat", "${Version}", "--show", package) if installed(package) else ""


def installed(package: str) -> bool:
    """Whether dpkg knows it as installed."""
    return output_of("dpkg-query", "--showformat", "${db:Status-Status}", "--show", package) == "installed"


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """One of loopback that nobody has now."""
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def wait_for_port(port: int, seconds: float = 10.0) -> None:
    """Returns when something on loopback takes connections there."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
