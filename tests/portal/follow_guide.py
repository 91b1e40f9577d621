"""`make test-guide`: follows docs/deploy/portal-on-debian.md on a clean Debian root, word for word, then portal-upkeep.md.

As root; minutes, most of them for downloads. debootstrap makes a bookworm root; every block of commands of the guides runs
in it with chroot, in their order; then a person signs up, and pairs a device, through the nginx that stands there. What is
different from a server: no systemd runs (`systemctl_double.py` starts what the units say), mail goes to a catcher, and what
is marked `outside` (a certificate for a public name) is replaced by what stands here. Packages are fetched before, services
run in a network of their own. In the end the root is removed, and with the namespaces all that ran.

PI_CAM_GUIDE_ROOT   where the root is made (default /var/cache/pi-cam/guide)
PI_CAM_GUIDE_BASE   what debootstrap made before, to be copied instead of made anew; it is made where it is not there yet
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import network
from tests.camera import trixie_root
from tests.portal.guide import DEBIAN, FOLDER, HERE, blocks
from tests.portal.post_office import PostOffice, open_post_office
from tests.portal.remote import Remote
from tests.portal.speaking import Speaker
from tests.portal.test_devices import ZOE, pair
from tests.portal.visitor import Visitor

ROOT = Path(os.environ.get("PI_CAM_GUIDE_ROOT", "/var/cache/pi-cam/guide"))
SUITE = "bookworm"
NAME = "portal.example.org"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ON_ANY_SERVER = ("ca-certificates", "systemd", "procps")
"""What a Debian server has that the smallest root lacks."""
AUTHORITIES = "/srv/authorities.crt"
FETCHING = 3
"""So many blocks of the guide fetch what is needed: what is yours, packages, the program."""


@dataclass
class Walk:
    """`before`: blocks whose variables later ones use. `outside`: the network in which packages are fetched."""

    mine: str
    outside: int
    before: str = ""

    def follow(self, commands: str, *, fetching: bool = False) -> str:
        """What they say. Raises `SystemExit` when one fails."""
        script = f"set -eu\n{self.before}\n{commands}"
        entry = ["chroot", str(ROOT), "bash", "-c", script]
        if fetching:
            entry = ["nsenter", f"--net=/proc/self/fd/{self.outside}", *entry]
        sys.stdout.write("".join(f"  | {line}\n" for line in commands.splitlines()))
        sys.stdout.flush()
        done = subprocess.run(
            entry, env=_environment(), check=False, stdout=subprocess.PIPE, text=True, pass_fds=(self.outside,)
        )
        sys.stdout.write("".join(f"      {line}\n" for line in done.stdout.splitlines()[-5:]))
        if done.returncode:
            for log in sorted((ROOT / "run/systemctl-double").glob("*.log")):
                sys.stdout.write(f"{log.name}: {log.read_text(errors='replace')[-1500:]}\n")
            sys.exit(f"the guide does not work: exit {done.returncode} in the block above")
        return done.stdout


def main(arguments: list[str]) -> int:
    """Makes the root and walks in it, in namespaces that end with this program."""
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.exit("This needs root, and debootstrap (apt install debootstrap).")
    if arguments != ["--inside"]:
        own = ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        command = ["unshare", *own, sys.executable, "-m", "tests.portal.follow_guide", "--inside"]
        status = subprocess.run(command, check=False).returncode
        shutil.rmtree(ROOT, ignore_errors=True)
        return status
    _make_root()
    outside = os.open("/proc/self/ns/net", os.O_RDONLY)
    network.enter()
    if network.problem() is not None:
        sys.exit(f"A network namespace is needed: {network.problem()}")
    with open_post_office() as office:
        mine = f"MAIL_URL=smtp://127.0.0.1:{office.port}\nSOURCE=/srv/source.git\n"
        _from_nothing(Walk(mine, outside), office)
    sys.stdout.write("the guide works as it is written\n")
    return 0


def _from_nothing(walk: Walk, office: PostOffice) -> None:
    """From nothing to a camera, a copy, and a new release."""
    steps = blocks(DEBIAN, outside=False)
    walk.before = steps[0] + walk.mine
    for block in steps[1:FETCHING]:
        walk.follow(block, fetching=True)
    # One shell, as a reader has: later blocks use what earlier ones set.
    release = "cd /opt/camera-portal\nRELEASE=$(git -C source rev-parse --short HEAD)\n"
    walk.before += release
    rest = steps[FETCHING:]
    said = walk.follow("\n".join(rest))
    _check("the tables are at revision" in said and said.count('{"status":"ok"}') == 2, said)
    _check("portal-2" in said.rpartition("total")[2], "a copy of the database lies there")
    _look_around()
    walk.follow(
        "certbot --version\nRENEWED_LINEAGE=/etc/letsencrypt/live/x\nmkdir -p $RENEWED_LINEAGE\n"
        "cp /etc/camera-portal/tls/* $RENEWED_LINEAGE/\nexport RENEWED_LINEAGE\n"
        "/opt/camera-portal/source/deploy/portal/certificate.sh"
    )
    site = Remote(443, trust=f"{ROOT}/etc/camera-portal/tls/fullchain.pem", sent={"Host": NAME}, name=NAME)
    zoe, device = (
        Visitor(site.as_application(), office).join(ZOE),
        Speaker(site.as_application(), url=f"https://{NAME}"),
    )
    pair(zoe, device)
    _check("Online" in zoe.get("/cameras").text, "the camera is in the list")
    _upkeep(walk, zoe, device)


def _upkeep(walk: Walk, zoe: Visitor, device: Speaker) -> None:
    restore, look, release, secret = blocks(FOLDER / "portal-upkeep.md", outside=False)
    walk.follow("systemctl start camera-portal-backup.service")
    walk.follow(look)
    walk.follow(restore)
    _check(not zoe.is_in(), "everybody was signed out")
    _check(zoe.sign_in(ZOE).status_code == 303, "and comes in again")
    _new_release()
    present = os.readlink(ROOT / "opt/camera-portal/venv")
    said = walk.follow(release, fetching=True)
    _check('{"status":"ok"}' in said, said)
    old, new = said.split("revision ")[1].split()[0], os.readlink(ROOT / "opt/camera-portal/venv")
    _check(new != present and present in said, "another environment, and the guide says which it was")
    _check(zoe.is_in() and device.presence().status_code == 200, "the new release serves")
    (back,) = [one for one in blocks(FOLDER / "portal-upkeep.md") if "migrate down" in one]
    before = str(int(old) - 1).zfill(4)
    walk.follow(back.replace("0003", before).replace("venv-1a2b3c4", present))
    walk.follow("systemctl stop camera-portal.service\ncamera-portal migrate up\nsystemctl start camera-portal.service")
    walk.follow(secret)
    _check(device.sign_in().status_code == 200, "with another secret devices sign in")
    counts = walk.follow("camera-portal operator counts")
    _check("       1  accounts\n" in counts, counts)


def _new_release() -> None:
    work = ROOT / "srv/work"
    name = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for command in (
        ["git", "clone", "--quiet", str(ROOT / "srv/source.git"), str(work)],
        ["git", "-C", str(work), *name, "commit", "--quiet", "--allow-empty", "-m", "A release"],
        ["git", "-C", str(work), "push", "--quiet"],
    ):
        subprocess.run(command, check=True)


def _look_around() -> None:
    """Who may read what, who runs as whom, and who listens."""
    secret = [ROOT / "etc/camera-portal" / name for name in ("portal.env", "migrate.env", "tls/privkey.pem")]
    _check([path.stat().st_mode & 0o777 for path in secret] == [0o600] * 3, "secrets are root's")
    owners = {path.stat().st_uid for path in (ROOT / "opt/camera-portal").rglob("*")}
    _check(owners == {0}, "the program is root's")
    user = next(
        line.split(":")[2]
        for line in (ROOT / "etc/passwd").read_text().splitlines()
        if line.startswith("camera-portal:")
    )
    socket = ROOT / "run/camera-portal/socket"
    _check(
        str(socket.stat().st_uid) == user and socket.parent.stat().st_mode & 0o777 == 0o750,
        "the socket is the portal's",
    )
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ports = {int(row[1].split(":")[1], 16) for row in listening if row[3] == "0A" and row[1].startswith("00000000:")}
    _check(ports == {80, 443}, f"to everybody listen {ports}")
    verified = subprocess.run(
        ["chroot", str(ROOT), "sh", "-c", "systemd-analyze verify --man=no /etc/systemd/system/camera-portal*"],
        env=_environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    _check(verified.returncode == 0 and not verified.stderr.strip(), verified.stderr)


def _check(right: bool, what: str) -> None:
    if not right:
        sys.exit(f"the guide does not lead there: {what}")


def _make_root() -> None:
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.parent.mkdir(parents=True, exist_ok=True)
    base = Path(os.environ.get("PI_CAM_GUIDE_BASE", ROOT))
    if not base.exists():
        included = f"--include={','.join(ON_ANY_SERVER)}"
        trixie_root._call("debootstrap", "--variant=minbase", included, SUITE, str(base), trixie_root._mirror())
    if base != ROOT:
        trixie_root._call("cp", "--archive", str(base), str(ROOT))
    trixie_root._mount_kernel(ROOT)
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", ROOT / "etc" / name)
    lent = os.environ.get("PIP_CERT") or "/etc/ssl/certs/ca-certificates.crt"
    shutil.copy(lent, f"{ROOT}{AUTHORITIES}")
    _write(ROOT / "usr/local/bin/systemctl", (HERE / "tests/portal/systemctl_double.py").read_text())
    _write(
        ROOT / "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n"
    )  # as systemd would not: installing starts nothing here
    subprocess.run(["git", "clone", "--quiet", "--bare", str(HERE), str(ROOT / "srv/source.git")], check=True)


def _write(path: Path, content: str) -> None:
    path.write_text(content, "utf-8")
    path.chmod(0o755)


def _environment() -> Mapping[str, str]:
    return {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "PIP_CERT": AUTHORITIES, "PIP_DEFAULT_TIMEOUT": "180"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
