"""`deploy/install.sh` and `pi-cam.service` on a Debian 12 with a real systemd: from its first start to its end."""

from __future__ import annotations

import re
import ssl
import time

import pytest

from tests.appliance.conftest import OFFLINE
from tests.appliance.guest import Guest
from tests.appliance.root import SOURCE
from tests.server import Answer, request

CAMERA, FRONT = "pi-cam.service", "pi-cam-front.service"
INSTALL = f"{SOURCE}/deploy/install.sh"
HARDENED = 2.0
"""The most that `systemd-analyze security` may say (0 is best, 10 worst)."""

pytestmark = [pytest.mark.timeout(300)]


def ask(path: str, *, plain: bool = False, token: str | None = None) -> Answer:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    scheme = "http" if plain else "https"
    return request(f"{scheme}://127.0.0.1", "GET", path, token=token, trust=None if plain else context)


def answers(seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if ask("/healthz").status == 200:
                return
        except OSError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_it_starts_with_the_machine(guest: Guest) -> None:
    answers()
    assert guest.run(f"systemctl is-active {CAMERA} {FRONT} pi-cam-front-certificate.path").split() == ["active"] * 3
    assert guest.run("systemctl --failed --plain --no-legend") == ""
    assert ask("/").status in (302, 303)
    assert ask("/", plain=True).headers["Location"].startswith("https://")
    assert guest.run(f"systemctl show -P StatusText {CAMERA}") == "The camera serves."


def test_what_manages_the_wifi_is_not_where_nothing_does(guest: Guest) -> None:
    assert guest.attempt("test -e /usr/sbin/NetworkManager").returncode != 0
    assert guest.run("find /etc -name '*pi-cam-netd*' -o -name '*pi-cam-hotspot*'") == ""


def test_whoever_installs_it_can_become_its_owner(guest: Guest) -> None:
    assert re.search(r"^setup-code \w{4}-\w{4}$", guest.run(f"journalctl -u {CAMERA} -o cat"), re.MULTILINE)
    guest.run("printf 'a green door behind the house\\n' | pi-cam owner set --name Ada")
    assert guest.run("stat -c '%U %a' /var/lib/pi-cam /var/lib/pi-cam/pi-cam.db") == "pi-cam 700\npi-cam 600"
    assert "owner-set" in guest.run("pi-cam journal export --format csv")


@pytest.mark.parametrize("unit", [CAMERA, FRONT])
def test_it_may_do_little(guest: Guest, unit: str) -> None:
    said = guest.run(f"systemd-analyze security --no-pager {unit} | tail -n 1")
    found = re.search(r"(\d+\.\d+) ", said)
    assert found is not None, said
    assert float(found[1]) <= HARDENED, said
    assert guest.run(f"ps -o user= -p $(systemctl show -P MainPID {unit})") not in ("", "root")


def test_libraries_that_make_code_work_within_its_walls(guest: Guest) -> None:
    """PortAudio calls back into Python, through code that libffi makes: not all of its ways pass MemoryDenyWriteExecute."""
    script = """
import cffi
ffi = cffi.FFI()
ffi.cdef("void qsort(void *, size_t, size_t, int (*)(const void *, const void *));")
libc, numbers = ffi.dlopen(None), ffi.new("int[]", [3, 1, 2])
@ffi.callback("int(const void *, const void *)")
def order(one, other):
    return ffi.cast("int *", one)[0] - ffi.cast("int *", other)[0]
libc.qsort(numbers, 3, ffi.sizeof("int"), order)
import aiortc, av, numpy, sounddevice
print(list(numbers))
"""
    walls = guest.run(f"grep -E '^(MemoryDeny|SystemCall|Restrict|Lock)' /etc/systemd/system/{CAMERA}").splitlines()
    given = " ".join(f"--property='{wall}'" for wall in walls)
    python = "/opt/pi-cam/current/bin/python"
    assert guest.run(f"systemd-run --quiet --pipe --wait --uid=pi-cam {given} {python} -c '{script}'") == "[1, 2, 3]"


def test_systemd_understands_every_line(guest: Guest) -> None:
    said = guest.run("systemd-analyze verify --man=no /etc/systemd/system/pi-cam* 2>&1 || true")
    known = ("RestartSteps", "RestartMaxDelaySec")  # of systemd 254 and later; before, each pause is one second
    assert [line for line in said.splitlines() if not any(word in line for word in known)] == []


def test_nobody_else_reads_its_secrets(guest: Guest) -> None:
    for path in ("/var/lib/pi-cam/device.key", "/var/lib/pi-cam/tls/served.pem", "/etc/pi-cam/environment"):
        assert guest.attempt(f"runuser -u nobody -- cat {path}").returncode != 0, path
    front = guest.run(f"systemctl show -P MainPID {FRONT}")
    assert guest.attempt(f"nsenter -t {front} -m ls /var/lib/pi-cam/pi-cam.db").returncode != 0


def test_a_camera_that_hangs_is_started_again(guest: Guest) -> None:
    """It is stopped as by a driver that never comes back: the process is there, and answers nobody."""
    main = guest.run(f"systemctl show -P MainPID {CAMERA}")
    guest.run(f"kill -STOP {main} $(pgrep -P {main})")
    guest.until(f"test $(systemctl show -P MainPID {CAMERA}) != {main}", 60)
    answers(60)
    assert "Failed with result 'watchdog'" in guest.run(f"journalctl -u {CAMERA} -o cat")


def test_a_camera_that_is_killed_is_started_again(guest: Guest) -> None:
    main = guest.run(f"systemctl show -P MainPID {CAMERA}")
    guest.run(f"kill -KILL {main} $(pgrep -P {main})")
    guest.until(f"test $(systemctl show -P MainPID {CAMERA}) -gt 0 && systemctl is-active {CAMERA}", 60)
    answers(60)


def test_one_that_ends_at_once_is_started_ever_more_rarely(guest: Guest) -> None:
    """Without pauses it would be a start each second or two, on a machine that has other things to do."""
    guest.run("cp /etc/pi-cam/environment /root/environment && echo PI_CAM_SOURCE=nothing: >>/etc/pi-cam/environment")
    guest.attempt(f"timeout 5 systemctl restart {CAMERA}")
    guest.until(f"test $(systemctl show -P NRestarts {CAMERA}) -ge 4", 60)
    guest.run(f"systemctl show -P ActiveState {CAMERA} | grep activating")
    time.sleep(6)  # the fourth pause is seven seconds
    assert int(guest.run(f"systemctl show -P NRestarts {CAMERA}")) <= 5
    guest.run("mv /root/environment /etc/pi-cam/environment")
    guest.run(f"systemctl restart {CAMERA}")
    answers(60)


def test_a_renewed_certificate_is_served(guest: Guest) -> None:
    before = served_certificate()
    guest.run("rm -r /var/lib/pi-cam/tls")
    guest.run(f"systemctl restart {CAMERA}")
    deadline = time.monotonic() + 30
    while served_certificate() in (before, ""):
        assert time.monotonic() < deadline, guest.log()
        time.sleep(0.2)
    answers()


def served_certificate() -> str:
    try:
        return ssl.get_server_certificate(("127.0.0.1", 443), timeout=5)
    except OSError:
        return ""


def test_own_values_count(guest: Guest) -> None:
    guest.run("echo PI_CAM_VIEWERS_MAX=3 >> /etc/pi-cam/environment")
    guest.run(f"systemctl restart {CAMERA}")
    answers()
    token = guest.run("pi-cam token create --name test --can view,configure")
    rows = {row["name"]: row for row in ask("/api/v1/settings", token=token).json()["settings"]}
    assert (rows["viewers_max"]["value"], rows["viewers_max"]["set_by"]) == (3, "environment")


def test_another_version_takes_its_place_and_what_it_knows_stays(guest: Guest) -> None:
    before = guest.run("readlink /opt/pi-cam/current")
    said = guest.run(INSTALL, 240, **OFFLINE)
    assert guest.run("readlink /opt/pi-cam/current") != before
    assert "The camera serves at https://" in said
    assert "setup" not in said, "it has an owner"
    answers()
    assert guest.run("pi-cam token list").startswith("test\t")
    assert "VIEWERS_MAX=3" in guest.run("cat /etc/pi-cam/environment"), "own values are never overwritten"


def test_a_version_that_does_not_serve_makes_way_for_the_one_before(guest: Guest) -> None:
    before = guest.run("readlink /opt/pi-cam/current")
    guest.run("rm -rf /srv/broken; cp -r /srv/source /srv/broken")
    guest.run("printf '\\nraise SystemExit(3)\\n' >> /srv/broken/pi_cam/serving.py")
    done = guest.attempt("/srv/broken/deploy/install.sh", 280, **OFFLINE)
    assert done.returncode == 1
    assert "this version does not serve; the one before is back" in done.stdout
    assert guest.run("readlink /opt/pi-cam/current") == before
    answers()
