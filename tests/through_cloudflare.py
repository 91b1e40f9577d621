"""Takes a camera through Cloudflare and back, with the real cloudflared and the Internet: for a person who has both.

    python -m tests.through_cloudflare PROGRAM

A quick tunnel needs no account. The page is asked for over its public name, cloudflared is killed, and the page asked for
again over the name that the next one has. Nothing but the health page is fetched, and nobody owns the camera.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.server import Server, request, serving
from tests.tunnels import command_line, descendants

UP_SECONDS = 90.0
NAME_SECONDS = 120.0
"""A name that is new a moment ago is not yet known everywhere."""


def main(program: str) -> int:
    """Says what it sees; the status is 0 when all of it went well."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PI_CAM_TUNNEL": "quick", "PI_CAM_TUNNEL_PROGRAM": str(Path(program).absolute())}
        with serving(Path(folder), "synthetic:?size=320x240", environment=environment, tunnel=True) as server:
            token = server.token("configure")
            first = arrive(server, token)
            for pid in descendants(server.process.pid):
                if program in command_line(pid):
                    os.kill(pid, signal.SIGKILL)
            until(lambda: state(server, token)["restarts"] > 0, UP_SECONDS, "pi-cam notices that it was killed")
            second = arrive(server, token)
    print(f"went through {first}, and after a kill through {second}")  # noqa: T201 - the person reads this
    return 0


def state(server: Server, token: str) -> dict[str, Any]:
    """What the camera says of its tunnel."""
    return dict(server.request("GET", "/api/v1/tunnel", token=token).json())


def arrive(server: Server, token: str) -> str:
    """The public name, once the camera answers there."""
    until(
        lambda: state(server, token)["state"] == "up", UP_SECONDS, "the tunnel comes up", lambda: state(server, token)
    )
    host = str(state(server, token)["host"])
    until(lambda: answers(host), NAME_SECONDS, f"https://{host}/healthz answers")
    return host


def answers(host: str) -> bool:
    """Whether the camera does, by its public name."""
    try:
        answer = request(f"https://{host}", "GET", "/healthz")
    except OSError:
        return False
    return answer.status == 200 and json.loads(answer.body) == {"status": "ok"}


def until(true: Callable[[], bool], seconds: float, what: str, why: Callable[[], object] = lambda: "") -> None:
    """Ends the program when it does not become so."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit(f"failed: {what}, within {seconds:.0f} s. {why()}")
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
