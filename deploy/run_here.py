"""`make run`: serves, and says in words where to look."""

from __future__ import annotations

import subprocess
import sys


def main() -> int:
    """Runs `pi-cam serve` with the arguments given, and adds a line for people to its first two."""
    command = [sys.executable, "-m", "pi_cam.cli", "serve", *sys.argv[1:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            _explain(server)
            return server.wait()
        except KeyboardInterrupt:  # the server got the same signal
            return server.wait()


def _explain(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None  # noqa: S101 - it was asked for above
    url = ""
    for line in server.stdout:
        sys.stdout.write(line)
        word, _, value = line.strip().partition(" ")
        if word == "ready":
            url = value.replace("127.0.0.1", "localhost")
            sys.stdout.write(f"Open {url} in a browser. (The first time: see the line below.) End with Ctrl-C.\n")
        elif word == "setup-code":
            sys.stdout.write(f"First visit: {url}/setup#code={value} makes you the owner, then shows the live picture.\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
