"""Runs in the machine, as root: does what the tests ask by a serial line, one JSON object a line each way."""

from __future__ import annotations

import json
import os
import signal
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
    with subprocess.Popen(
        ["sh", "-c", f"cd /; {asked['command']}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=float(str(asked["seconds"])))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its children, too: they hold the pipe open
            said, _ = process.communicate()
            said += b"\n(too slow)"
    return {"status": process.returncode, "said": said.decode("utf-8", "replace")}


if __name__ == "__main__":
    main()
