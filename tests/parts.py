"""The parts of the product whose tests take minutes, and whether they changed since those tests last passed.

    python -m tests.parts changed PART      status 0: it changed, its tests have to run; 1: it did not
    python -m tests.parts passed PART       notes that its tests passed on what is here now
    python -m tests.parts target PART       by what `make` runs them

`make test` asks; `make test-camera`, `make test-install` and the like always run, and note when they passed. The note is
committed with the change, so that a build machine need not do the same work again.

`arm64` is the exception: an emulated processor takes half an hour, so `make test` never runs it, whatever changed. Whoever
runs `make test-image-arm64`, or `make test-appliance`, notes with it on which files it last passed; `changed arm64` tells
whether these are still the present ones.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
NOTE = HERE / "tests/passed.json"

PROGRAM = ("pi_cam", "web/__init__.py", "web/ui", "web/browsers.py", "web/journal", "web/passwords", "setup.py")
SERVICE = (
    *PROGRAM,
    "deploy/install.sh",
    "deploy/appliance",
    "deploy/nginx",
    "pi-cam.service",
    "README.md",
    "pyproject.toml",
)
# A machine that is emulated is slow: of the program these two look at what only they can try.
NOTICES = ("pi_cam/control/setup_notice.py", "pi_cam/control/name_notice.py")
SETTING_UP = ("pi_cam/setup_wizard", *NOTICES, "pi_cam/control/time_zone.py", "pi_cam/trust/setup_code.py", "setup.py")
ROOTS = ("pi_cam/boot_partition.py", "pi_cam/privileges.py", "pi_cam/cli.py")
KEEPING = ("pi_cam/keeping", "pi_cam/durable.py")
PINS = ("pi_cam/control/pins.py", "pi_cam/control/presses.py", "pi_cam/control/light.py", "pi_cam/control/gpio_*.py")
BUTTON = (*PINS, "pi_cam/reset_by_button.py", "pi_cam/privacy.py", "pi_cam/master_switch.py", "pi_cam/stills.py")
HOTSPOT_PAGE = (
    *("web/ui/captive.py", "web/ui/templates/captive.html", "web/ui/static/captive.css"),
    *("web/ui/player/captive.js", "web/ui/player/sealing.js"),
)
IMAGE = (
    *(*SETTING_UP, *ROOTS, *BUTTON, *KEEPING, "pi_cam/updates"),
    *("pi_cam/capture/usb*.py", "pi_cam/capture/auto.py", "image-build", "deploy", "pi-cam.service"),
    "tests/image",
)
PARTS: dict[str, tuple[str, ...]] = {
    "camera": (*PROGRAM, "tests/camera", "tests/unit", "tests/integration/test_whep.py", "tests/*.py"),
    "appliance": (*SERVICE, "tests/appliance", "tests/camera/trixie_root.py"),
    "image": IMAGE,
    "arm64": IMAGE,
    "wifi": (
        *("pi_cam/setup_wizard", "pi_cam/durable.py", *HOTSPOT_PAGE),
        *("deploy/appliance/wifi", "deploy/appliance/front.conf", "deploy/lay-out.sh"),
        *("deploy/appliance/pi-cam-front.service", "deploy/nginx", "tests/wifi"),
    ),
}
TARGETS = {"appliance": "test-install", "arm64": "test-image-arm64"}
"""Where it is not `test-` and the part's name."""


def main(arguments: list[str]) -> int:
    """Runs the command line."""
    if len(arguments) != 2 or arguments[0] not in ("changed", "passed", "target") or arguments[1] not in PARTS:
        sys.exit(f"usage: python -m tests.parts changed|passed|target {'|'.join(PARTS)}")
    verb, part = arguments
    if verb == "target":
        sys.stdout.write(f"{target(part)}\n")
        return 0
    noted, now = _noted(), digest(part)
    if verb == "changed":
        if noted.get(part) != now:
            return 0
        sys.stdout.write(
            f"the tests of {part}: nothing that they look at changed since they passed (make {target(part)} runs them)\n"
        )
        return 1
    NOTE.write_text(json.dumps({**noted, part: now}, indent=2, sort_keys=True) + "\n", "ascii")
    return 0


def target(part: str) -> str:
    """Of the Makefile, by which its tests run."""
    return TARGETS.get(part, f"test-{part}")


def digest(part: str) -> str:
    """SHA-256 over the names and contents of the files that git knows, or would, in this checkout."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PARTS[part]]
    names = subprocess.run(listed, check=True, capture_output=True, cwd=HERE).stdout.decode().split("\0")
    total = hashlib.sha256()
    for name in sorted(filter(None, names)):
        file = HERE / name
        content = file.read_bytes() if file.is_file() else b""
        total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def _noted() -> dict[str, str]:
    return dict(json.loads(NOTE.read_text("ascii"))) if NOTE.exists() else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
