"""What a person does with a camera whose supply may go at any moment, and what has to be there at its next start: all that
was acknowledged, of what was under way the old or the new, and nothing damaged."""

from __future__ import annotations

import json
import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pi_cam.updates.machine import NEVER_UP
from tests.image.cut import Gone, Machine
from tests.server import OWNER, PASSWORD, Answer, request

PAGE_SECONDS = 400.0
CALM_SECONDS = 240.0
OF_DATA = ("data", "disk", "certificates", "privileges", "key", "settings", "journal", "database")
"""What `pi-cam doctor` calls that which a cut could harm."""

HOME = "wohnzimmer"
CODE = "ABCD-2345"
NAMES = "cat /data/etc/machine-id && sha256sum /data/pi-cam/device.key /data/pi-cam/secret.key /data/pi-cam/tls/ca.crt"
LOOK = """
set -e
pi-cam doctor --json >/run/doctor.json &
pi-cam journal verify >/dev/null
wait
test "$(cat /run/doctor.json | tail -c 2)" = ']'
if find /data/pi-cam -name '*damaged*' | grep .; then exit 1; fi
if find /data/lost+found -mindepth 1 | grep .; then exit 1; fi
"""
WHOLE = """
import sys
from pathlib import Path
from pi_cam.updates import wholeness
version = Path("/opt/pi-cam/current").resolve()
built_in = version == Path("/usr/lib/pi-cam/built-in")
fault = None if built_in else wholeness.fault(version, contents=True)
print("0" if built_in else version.name.split("-")[0], (version / sys.argv[1]).read_text().strip(), fault or "whole")
"""
RELEASE = "lib/python3.13/site-packages/pi_cam/updates/release"
KEPT, INBOX = "/var/lib/pi-cam-update", "/var/lib/pi-cam/updates/inbox/update.pi-cam"
BUILT_IN = "/usr/lib/pi-cam/built-in/bin/python -I"


@dataclass
class Either:
    """A value that was acknowledged, and the one that was asked for when the supply went."""

    known: object
    asked: object = None

    def ask(self, value: object) -> None:
        self.asked = value

    def acknowledge(self) -> None:
        self.known, self.asked = self.asked, None

    def seen(self, what: str, value: object) -> None:
        allowed = (self.known,) if self.asked is None else (self.known, self.asked)
        assert value in allowed, f"{what}: {value!r}, not one of {allowed!r}"
        self.known, self.asked = value, None


@dataclass
class Memory:
    """What a card has to remember. `identity`: its number, its keys and its authority, from the first whole start on."""

    identity: str = ""
    owner: Either = field(default_factory=lambda: Either(known=False))
    token: Either = field(default_factory=lambda: Either(""))
    days: Either = field(default_factory=lambda: Either(365))
    hostname: Either = field(default_factory=lambda: Either("pi-cam"))
    release: Either = field(default_factory=lambda: Either("0"))
    customised: bool = False


class Story:
    """With one machine. `releases`: the numbers of the updates that there are."""

    def __init__(self, machine: Machine, releases: list[int], chance: random.Random) -> None:
        self._machine, self._releases, self._chance = machine, releases, chance
        self.memory = Memory()
        self._count = 0
        self._context = ssl.create_default_context()
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self.trouble: str | None = None
        """What went wrong in `live`, other than by the cut."""
        self.updates = 0
        """That came to their end."""

    def new_card(self, *, customised: bool, erased: bool) -> None:
        """Nothing is known of it."""
        self._machine.renew(customised=customised, erased=erased)
        self.memory = Memory(customised=customised)
        if customised:
            self.memory.hostname.ask(HOME)

    # What happens while it runs

    def live(self, kind: str, cut: threading.Event) -> None:
        """Does things of this kind until the cut, in a thread of its own."""
        steps: dict[str, Callable[[], None]] = {"settings": self._change, "update": self._update}
        try:
            while not cut.is_set():
                steps[kind]()
        except Exception as error:  # noqa: BLE001 - a thread's end; told by the one that waits for it
            if not isinstance(error, Gone) and not cut.wait(5):
                self.trouble = f"{kind}: {error!r}"

    def _change(self) -> None:
        memory = self.memory
        self._count += 1
        if memory.owner.known is False:
            memory.owner.ask(value=True)
            self._must(f"printf '{PASSWORD}\\n' | pi-cam owner set --name {OWNER}")
            memory.owner.acknowledge()
        if not memory.token.known or self._count % 7 == 0:
            name = f"t{self._count}"
            memory.token.ask(self._must(f"pi-cam token create --name {name} --can view,control,configure"))
            memory.token.acknowledge()
        memory.days.ask(1 + self._count % 3000)
        change = json.dumps({"journal_days": memory.days.asked}).encode()
        answer = self._ask("PATCH", "/api/v1/settings", change)
        assert answer.status == 200, answer.body
        memory.days.acknowledge()
        if self._count % 3 == 0:
            self._rename()

    def _rename(self) -> None:
        name = f"salon-{self._count}"
        self.memory.hostname.ask(name)
        self._must(f"echo {name} >/etc/hostname; until grep -qx {name} /data/etc/hostname; do sleep 0.05; done")
        self.memory.hostname.acknowledge()

    def _update(self) -> None:
        """Begins one, or watches the one that was cut go on by itself: to its end, or back when it was cut too often. A cut
        before the package was handed over leaves none."""
        release = self.memory.release
        if release.asked is None:
            release.ask(str(min(number for number in self._releases if number > int(str(release.known)))))
            self._must(f"pi-cam update install {self._machine.package(int(str(release.asked)))}", 900)
        elif not self._went_on(release):
            release.asked = None
            return
        release.acknowledge()
        self.updates += 1
        if release.known == str(self._releases[-1]):
            raise Gone

    def _went_on(self, release: Either) -> bool:
        self._must(f"while test -e {KEPT}/package || test -e {INBOX}; do sleep 0.2; done", 900)
        outcome = json.loads(self._must(f"cat {KEPT}/outcome.json || echo {{}}").splitlines()[-1])
        if str(outcome.get("release")) != release.asked:
            return False
        assert outcome["result"] == "installed" or outcome["reason"] == NEVER_UP, outcome
        return bool(outcome["result"] == "installed")

    # What has to be there afterwards

    def verify(self) -> float:
        """Seconds from the start until its page answered. Raises `AssertionError` with what is not whole."""
        began = time.monotonic()
        self._answers(began)
        took = time.monotonic() - began
        assert not (self.memory.identity and "made anew" in self._machine.said), self._machine.said
        self._same_device()
        self._program()
        self._must(LOOK, CALM_SECONDS)
        found = json.loads(self._must("cat /run/doctor.json"))
        faults = [row for row in found if row["name"] in OF_DATA and row["level"] == "missing"]
        assert not faults, faults
        self._remembered()
        return took

    def _answers(self, began: float) -> None:
        while True:
            try:
                if request(self._machine.url, "GET", "/healthz", trust=self._context).status == 200:
                    page = request(self._machine.url, "GET", "/login", trust=self._context)
                    assert page.status in (200, 302), page.status
                    return
            except OSError:
                pass
            assert time.monotonic() - began < PAGE_SECONDS, "no page"
            time.sleep(0.1)

    def _same_device(self) -> None:
        found = self._must(f"{NAMES}; stat -c %a /data/pi-cam/device.key")
        assert found.endswith("600"), found
        assert self.memory.identity in ("", found), f"{found} is not {self.memory.identity}"
        self.memory.identity = found
        number = self._must("cat /etc/machine-id")
        assert number == found[:32], f"machine-id: {number}, and on the card {found[:32]}"
        if self.memory.customised:
            self._must("until ! test -e /boot/firmware/rpi-preseed.toml; do sleep 0.3; done")
            self._must("test $(stat -c %a /etc/NetworkManager/system-connections/home.nmconnection) = 600")
            if self.memory.owner.known is False and self.memory.owner.asked is None:
                code = self._must("until cat /run/pi-cam/setup-code; do sleep 0.3; done")
                assert code.endswith(CODE), f"setup code: {code}, not {CODE}"
            if self.memory.hostname.known != HOME and self.memory.hostname.asked == HOME:
                self.memory.hostname.acknowledge()
        self.memory.hostname.seen("hostname", self._must("cat /etc/hostname"))

    def _program(self) -> None:
        number, inside, whole = self._must(f"{BUILT_IN} -c '{WHOLE}' {RELEASE}", CALM_SECONDS).split(" ", 2)
        assert number == inside, f"release {inside} runs as {number}"
        assert whole == "whole", f"release {number}: {whole}"
        asked = self.memory.release.asked
        assert number in (self.memory.release.known, asked), f"release {number}, not {self.memory.release}"

    def _remembered(self) -> None:
        memory = self.memory
        if memory.token.known:
            answer = self._ask("GET", "/api/v1/settings")
            assert answer.status == 200, f"the token: {answer.body!r}"
            rows = answer.json()
            assert rows["problems"] == [], rows["problems"]
            memory.days.seen("journal_days", next(r["value"] for r in rows["settings"] if r["name"] == "journal_days"))
        if memory.owner.known or memory.owner.asked:
            body = json.dumps({"name": OWNER, "password": PASSWORD}).encode()
            status = self._ask("POST", "/api/v1/sessions", body, token="").status
            memory.owner.seen("owner", status in (200, 201))

    def _ask(self, method: str, path: str, body: bytes | None = None, token: str | None = None) -> Answer:
        """A camera that is started again just now (an update does) is asked again."""
        bearer = str(self.memory.token.known) if token is None else token
        headers = {"Content-Type": "application/json"} if body else {}
        for _ in range(100):
            try:
                answer = request(
                    self._machine.url, method, path, token=bearer, body=body, headers=headers, trust=self._context
                )
                if answer.status != 502:
                    return answer
            except OSError:
                pass
            self._must("true")
            time.sleep(0.5)
        raise AssertionError(f"{path} is not answered")

    def _must(self, script: str, seconds: float = 120.0) -> str:
        said, code = self._machine.run(script, seconds)
        assert code == 0, f"{script.strip()}: {said}"
        return said
