"""The parts of the product whose tests take minutes, and whether they changed since those tests last passed.

    python -m tests.parts changed PART      status 0: it changed, its tests have to run; 1: it did not
    python -m tests.parts passed PART       notes that its tests passed on what is here now

`make test` asks; `make test-camera`, `make test-appliance` and the like always run, and note when they passed. The note is
committed with the change, so that a build machine need not do the same work again.
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
SETTING_UP = ("pi_cam/setup_wizard", "pi_cam/control/setup_notice.py", "pi_cam/trust/setup_code.py", "setup.py")
ROOTS = ("pi_cam/boot_partition.py", "pi_cam/privileges.py")
PINS = ("pi_cam/control/pins.py", "pi_cam/control/presses.py", "pi_cam/control/light.py", "pi_cam/control/gpio_*.py")
BUTTON = (*PINS, "pi_cam/reset_by_button.py", "pi_cam/privacy.py", "pi_cam/master_switch.py")
PARTS = {
    "camera": (*PROGRAM, "tests/camera", "tests/unit", "tests/integration/test_whep.py", "tests/*.py"),
    "appliance": (*SERVICE, "tests/appliance", "tests/camera/trixie_root.py"),
    "image": (
        *(*SETTING_UP, *ROOTS, *BUTTON, "pi_cam/updates"),
        *("pi_cam/capture/usb*.py", "image-build", "deploy", "pi-cam.service"),
        "tests/image",
    ),
    "wifi": (
        *("pi_cam/setup_wizard", "deploy/appliance/wifi", "deploy/appliance/front.conf", "deploy/lay-out.sh"),
        *("deploy/appliance/pi-cam-front.service", "deploy/nginx", "tests/wifi"),
    ),
}


def main(arguments: list[str]) -> int:
    """Runs the command line."""
    if len(arguments) != 2 or arguments[0] not in ("changed", "passed") or arguments[1] not in PARTS:
        sys.exit(f"usage: python -m tests.parts changed|passed {'|'.join(PARTS)}")
    verb, part = arguments
    noted, now = _noted(), digest(part)
    if verb == "changed":
        if noted.get(part) != now:
            return 0
        sys.stdout.write(
            f"tests/{part}: nothing that they look at changed since they passed (make test-{part} runs them)\n"
        )
        return 1
    NOTE.write_text(json.dumps({**noted, part: now}, indent=2, sort_keys=True) + "\n", "ascii")
    return 0


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
