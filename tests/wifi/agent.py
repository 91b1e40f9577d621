"""Runs in the machine, as root: does what the tests ask by a serial line, one JSON object a line each way."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

PORT = Path("/dev/virtio-ports/agent")


def main() -> None:
    """For ever; the line has nobody on it at times."""
    with PORT.open("rb+", buffering=0) as port:
        waiting = b""
        while True:
            waiting += port.read(65536) or b""
            line, end, waiting = waiting.partition(b"\n")
            if not end:
                waiting = line
                continue
            answer = memoryview(json.dumps(done(json.loads(line))).encode() + b"\n")
            while answer:
                answer = answer[port.write(answer) or 0 :]


def done(asked: dict[str, object]) -> dict[str, object]:
    """`command`: a line of shell. How it ended, and what it said."""
    try:
        ended = subprocess.run(
            ["sh", "-c", f"cd /; {asked['command']}"],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=float(str(asked["seconds"])),
        )
    except subprocess.TimeoutExpired as late:
        return {"status": 124, "said": (late.stdout or b"").decode("utf-8", "replace") + "\n(too slow)"}
    return {"status": ended.returncode, "said": ended.stdout.decode("utf-8", "replace")}


if __name__ == "__main__":
    main()
