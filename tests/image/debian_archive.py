"""A small archive of packages that says that it is Debian's, for security updates to be found in."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from pathlib import Path

PACKAGE, GOOD, BAD = "wireless-regdb", "9999.01.01-1", "9999.02.02-1"
"""Small, there on each target, and needed by nothing that the tests look at."""

PORT = 8999
UNIT = "pi-cam-update-system.service"
DROP_IN = f"/run/systemd/system/{UNIT}.d"
UPDATE = (
    f"mkdir -p {DROP_IN} && printf '[Service]\\nNice=0\\nIOSchedulingClass=best-effort\\nExecStart=\\n"
    f"ExecStart=/usr/lib/pi-cam/update-system --no-reboot\\n' >{DROP_IN}/tests.conf && systemctl daemon-reload; "
    f"systemctl start {UNIT}; code=$?; journalctl --sync; "
    f"journalctl -o cat --no-pager _SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID {UNIT}); exit $code"
)
"""The very unit, with all that it may not do; but for the new start."""


def make(folder: Path, version: str) -> None:
    """With one package; the script of the bad one takes nginx away."""
    tree = folder.parent / "package"
    (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
    (tree / "usr/share/canary").mkdir(parents=True, exist_ok=True)
    (tree / "usr/share/canary/new").write_text("updated\n", "ascii")
    lines = [
        f"Package: {PACKAGE}",
        f"Version: {version}",
        "Architecture: all",
        "Maintainer: Nobody <nobody@example.org>",
    ]
    control = "\n".join([*lines, "Description: a newer one"]) + "\n"
    (tree / "DEBIAN/control").write_text(control, "ascii")
    script = tree / "DEBIAN/postinst"
    script.write_text("#!/bin/sh\n" + ("rm /usr/sbin/nginx\n" if version == BAD else "exit 0\n"), "ascii")
    script.chmod(0o755)
    folder.mkdir()
    package = folder / "new.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, package], check=True, capture_output=True)
    data = package.read_bytes()
    extra = f"Filename: ./new.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
    packages = (control.rstrip() + "\n" + extra).encode()
    listed = ""
    for name, data in (("Packages", packages), ("Packages.gz", gzip.compress(packages, mtime=0))):
        (folder / name).write_bytes(data)
        listed += f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}\n"
    head = "Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nCodename: trixie-security\n"
    (folder / "Release").write_text(f"{head}Date: Sat, 01 Nov 2025 00:00:00 UTC\nSHA256:\n{listed}", "ascii")


def update(folder: str, name: str) -> str:
    """What a machine has to run that sees the archive `name` in `folder`: the update, as at night, but for the new start."""
    line = f"deb [trusted=yes] http://127.0.0.1:{PORT}/{name} ./"
    sources = f"rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*; echo '{line}' >/etc/apt/sources.list"
    server = f"cd {folder} && exec python3 -m http.server --bind 127.0.0.1 {PORT}"
    serve = f"systemctl is-active --quiet archive || systemd-run --quiet --unit=archive sh -c '{server}'; sleep 2"
    return f"{sources}; {serve}; {UPDATE}"
