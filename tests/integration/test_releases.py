"""Updates that come by themselves: from a real web host, over TLS, whatever it answers, up to root's inbox."""

from __future__ import annotations

import re
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pi_cam.errors import Conflict
from pi_cam.settings import Settings
from pi_cam.updates import inbox, maker, release_watch, trusted
from pi_cam.updates.coming import file_name
from pi_cam.updates.manifest import Machine
from pi_cam.updates.places import Places
from pi_cam.updates.release_watch import NO_KEY, NOWHERE, WATCHED_SECONDS, ReleaseWatch
from tests.portal.certificate import self_signed
from tests.unit.clock import Clock
from web.ui import texts

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
NAME = file_name(Machine.here(0))
DAY = 86_400.0
NOON = 1_764_417_600.0  # 2025-11-29 12:00 UTC


class Host:
    """A web host in a process of its own. `folder`: what it serves; `asked`: the paths of the requests so far."""

    def __init__(self, folder: Path, certificate: Path | None) -> None:
        self.folder, self.tls = folder, certificate is not None
        self._log = (folder.parent / f"host-{self.tls}.log").open("w+")
        pem = [str(certificate)] * 2 if certificate else []
        command = [sys.executable, "-m", "tests.releases_host", str(folder), *pem]
        self._process = subprocess.Popen(command, stdout=self._log)
        deadline = time.monotonic() + 20
        while not (port := Path(self._log.name).read_text().partition("\n")[0]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.url = f"http{'s' * self.tls}://localhost:{port}"
        self._seen = 1

    def asked(self) -> list[str]:
        """Since it was asked last."""
        lines = Path(self._log.name).read_text().splitlines()
        new, self._seen = lines[self._seen :], len(lines)
        return new

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._log.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("certificate"), "localhost")


@pytest.fixture(scope="module", params=["http", "https"])
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("host") / "served"
    folder.mkdir()
    host = Host(folder, certificate if request.param == "https" else None)
    yield host
    host.close()


class World:
    """A camera that is set up, in a folder, and what it may know."""

    def __init__(self, folder: Path, host: Host, certificate: Path, way: str = "files") -> None:
        for name in ("opt", "kept", "data", "keys"):
            (folder / name).mkdir()
        pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        (folder / "keys/own.pem").write_bytes(pem)
        self.places = Places(folder / "opt", folder / "kept", folder / "asked", folder / "data", folder / "image")
        self.clock, self.monotonic = Clock(NOON), Clock(0.0)
        self.watched, self.pauses = False, list[float]()
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.host, self.context = host, ssl.create_default_context(cafile=str(certificate))
        self.settings = Settings(
            {"time_zone": "UTC"}, environment={"PI_CAM_UPDATES_ADDRESS": f"{host.url}/{way}/pi-cam/"}
        )
        self.watch = self.made()

    def made(self, **more: Any) -> ReleaseWatch:
        values: dict[str, Any] = {"clock": self.clock, "chance": lambda: 0.5, "context": self.context, **more}
        if "pause" not in values:
            values["pause"] = self.pause
        return ReleaseWatch(self.places.data, self.settings, lambda: self.watched, self.note, self.places, **values)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.now += seconds

    def note(self, action: str, **detail: Any) -> None:
        self.notes.append((action, detail))

    def publish(self, number: int, key: Ed25519PrivateKey = KEY, **more: Any) -> bytes:
        tree = self.host.folder.parent / "tree"
        (tree / "pi_cam").mkdir(parents=True, exist_ok=True)
        (tree / "pi_cam/noise").write_bytes(Ed25519PrivateKey.generate().private_bytes_raw() * 9)
        (tree / "pi_cam/noise2").write_bytes(bytes(range(256)) * 4096)
        maker.pack(tree, self.host.folder / NAME, key, f"0.{number}", number, **more)
        return (self.host.folder / NAME).read_bytes()

    def at_night(self) -> None:
        """The next one, when it is due."""
        wait = self.watch.step()
        assert wait > 0
        while (left := self.watch._seconds_left()) > 0:
            self.clock.now += left

    def state(self) -> dict[str, Any]:
        return dict(self.watch.state())


@pytest.fixture
def world(tmp_path: Path, host: Host, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return a_world(tmp_path, host, certificate, monkeypatch)


def a_world(
    tmp_path: Path, host: Host, certificate: Path, monkeypatch: pytest.MonkeyPatch, way: str = "files"
) -> World:
    (host.folder / NAME).unlink(missing_ok=True)
    host.asked()
    monkeypatch.setattr(trusted.load, "__defaults__", ((tmp_path / "keys",),))
    if way in ("silent", "slow", "slow-start"):
        monkeypatch.setattr(release_watch, "HEAD_SECONDS", 1.0)
    world = World(tmp_path, host, certificate, way)
    world.watch._change(begun_at=NOON)
    return world


def test_at_night_it_comes_by_itself(world: World) -> None:
    package = world.publish(7)
    world.watch.step()
    assert world.host.asked() == []  # by day nobody is asked
    assert world.state()["next_at"] == NOON + 15.5 * 3600  # half past three
    world.at_night()
    world.watch.step()
    assert world.places.inbox.read_bytes() == package
    assert world.host.asked() == [f"/files/pi-cam/{NAME}"] * 2  # its description; and all of it
    assert world.state()["state"] == "installing"
    assert world.notes == []  # root's part says how it went
    assert not (world.places.inbox.parent / ".coming").exists()


def test_one_that_is_not_newer_is_left_where_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish(7)
    monkeypatch.setattr(release_watch, "release", lambda: 7)
    world.at_night()
    world.watch.step()
    assert world.host.asked() == [f"/files/pi-cam/{NAME}"]
    state = world.state()
    assert (state["found"], state["trouble"], state["looked_at"]) == (None, None, world.clock.now)
    assert not world.places.inbox.exists()
    assert 22 * 3600 < state["next_at"] - world.clock.now < 26 * 3600


def test_off_means_that_nobody_is_asked(world: World) -> None:
    world.publish(7)
    world.at_night()
    world.settings.change({"updates": False})
    world.watch.step()
    assert world.host.asked() == []
    assert world.state()["next_at"] is None
    world.watch.look_now()
    world.watch.step()
    assert world.state()["found"] == {"version": "0.7", "release": 7}
    assert not world.places.inbox.exists()
    world.watch.install_now()
    world.watch.step()
    assert world.places.inbox.exists()


def test_what_is_put_off_is_found_but_not_installed(world: World) -> None:
    world.publish(7)
    world.watch.put_off(7)
    for _ in range(7):
        world.at_night()
        world.watch.step()
        assert not world.places.inbox.exists()
    assert world.state()["found"] == {"version": "0.7", "release": 7}
    assert world.made().state()["put_off_until"] == NOON + 7 * DAY  # after a restart, too
    world.at_night()
    world.watch.step()
    assert world.places.inbox.exists()
    with pytest.raises(Conflict):
        world.watch.put_off(7)


def test_what_did_not_work_is_not_tried_again_but_the_next_one_is(world: World) -> None:
    world.publish(7)
    world.at_night()
    world.watch.step()
    world.places.inbox.unlink()  # root's part took it, and took it back
    world.watch = world.made()
    for _ in range(3):
        world.at_night()
        world.watch.step()
        assert not world.places.inbox.exists()
    assert world.state()["given_up"]
    world.publish(8)
    world.at_night()
    world.watch.step()
    assert world.places.inbox.exists()
    world.places.inbox.unlink()
    world.watch.install_now()  # a person may try once more
    world.watch.step()
    assert world.places.inbox.exists()


def test_who_watches_is_let_watch_for_some_hours(world: World) -> None:
    world.publish(7)
    world.watched = True
    world.at_night()
    began = world.clock.now
    world.watch.step()
    assert world.clock.now - began == WATCHED_SECONDS
    assert world.places.inbox.exists()


def test_it_is_installed_as_soon_as_nobody_watches(world: World) -> None:
    world.publish(7)
    world.watched = True

    def leaves(seconds: float) -> None:
        assert world.state()["state"] == "waiting"
        world.pause(seconds)
        world.watched = len(world.pauses) < 3

    world.watch = world.made(pause=leaves)
    world.at_night()
    world.watch.step()
    assert len(world.pauses) == 3
    assert world.places.inbox.exists()


@pytest.mark.parametrize("word", ["put off", "off", "now"])
def test_while_it_waits_the_owner_is_heard(world: World, word: str) -> None:
    world.publish(7)
    world.watched = True

    def says(seconds: float) -> None:
        world.pause(seconds)
        if word == "put off":
            world.watch.put_off(7)
        elif word == "off":
            world.settings.change({"updates": False})
        else:
            world.watch.install_now()

    world.watch = world.made(pause=says)
    world.at_night()
    world.watch.step()
    assert len(world.pauses) == 1
    assert world.places.inbox.exists() == (word == "now")
    assert world.state()["trouble"] is None
    world.watch.step()
    assert len(world.pauses) == 1


TROUBLES = {
    "silent": r"The web host localhost is too slow, or went silent\.",
    "slow-start": r"The web host localhost is too slow, or went silent\.",
    "slow": r"The web host localhost is too slow, or went silent\.",
    "503": r"The web host localhost gives no update now \(503\)\.",
    "nothing": rf"The web host localhost has no update for this camera \({re.escape(NAME)}\)\.",
    "garbage": r"This is not an update of pi-cam\.",
    "to/http%3A%2F%2Fexample.org": r"The web host localhost sends us on to an address without TLS, which is not followed\.",
    "to/https%3A%2F%2F127.0.0.1": r"The web host 127\.0\.0\.1 is not asked for updates: it is this machine itself, or .+",
    "to/https%3A%2F%2F192.168.1.1": r"The web host 192\.168\.1\.1 is not asked for updates: it is .+ private network\.",
    "to/https%3A%2F%2Fu%3Ap%40example.org": r"The web host localhost sends us on to an address without TLS, .+",
    "to/https%3A%2F%2Fnowhere.invalid": r"There is no host named nowhere\.invalid\.",
}


@pytest.mark.parametrize("way", TROUBLES)
def test_every_trouble_is_a_sentence_said_once_and_not_tried_again_at_once(
    tmp_path: Path, host: Host, certificate: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    world = a_world(tmp_path, host, certificate, monkeypatch, way)
    if way != "nothing":
        world.publish(7)
    began = time.monotonic()
    for _ in range(2):
        world.at_night()
        world.watch.step()
        trouble = str(world.state()["trouble"])
        assert re.fullmatch(TROUBLES[way], trouble)
        assert len(host.asked()) == 1
        world.watch.step()
        assert host.asked() == []
    assert time.monotonic() - began < 20
    assert texts.translator("fr")(trouble) != trouble
    (noted,) = world.notes  # once for both nights
    assert noted[0] == ("update-refused" if way == "garbage" else "update-look-failed")
    assert noted[1]["reason"] == trouble
    assert not world.places.inbox.exists()


def test_on_and_on_over_tls_ends(
    tmp_path: Path, host: Host, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = "to/" + f"{host.url.replace('http:', 'https:')}/to".replace(":", "%3A").replace("/", "%2F")
    world = a_world(tmp_path, host, certificate, monkeypatch, way)
    world.at_night()
    world.watch.step()
    assert world.state()["trouble"]
    assert len(host.asked()) <= 4


@pytest.mark.parametrize(
    ("way", "comes"), [("cut", False), ("endless", True)], ids=["breaks off in the middle", "has no end"]
)
def test_of_the_rest_only_what_is_described_is_read(
    tmp_path: Path, host: Host, certificate: Path, monkeypatch: pytest.MonkeyPatch, way: str, comes: bool
) -> None:
    world = a_world(tmp_path, host, certificate, monkeypatch, way)
    package = world.publish(7)
    world.at_night()
    world.watch.step()
    assert world.places.inbox.exists() == comes
    if comes:
        assert world.places.inbox.read_bytes() == package
        return
    assert world.state()["trouble"] == "The connection to the web host localhost broke off."
    assert list(world.places.inbox.parent.iterdir()) == []
    assert not world.state()["given_up"]  # the next night may be better


def test_what_is_damaged_on_the_way_is_not_fetched_each_night(world: World) -> None:
    data = bytearray(world.publish(7))
    data[-1] ^= 1
    (world.host.folder / NAME).write_bytes(data)
    for _ in range(3):
        world.at_night()
        world.watch.step()
    assert world.state()["trouble"] is None  # of the last look, which found the same
    assert world.state()["given_up"]
    assert len(world.host.asked()) == 2 + 1 + 1
    assert [action for action, _ in world.notes] == ["update-refused"]
    assert list(world.places.inbox.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "more", "sentence"),
    [
        (7, {"key": OTHER}, r"This update was not signed by a key that this camera trusts, or it is damaged\."),
        (7, {"words": ("toaster", "any", "any")}, r"This update is for another machine \(toaster\); this one is .+\."),
        (7, {"minimum_release": 6}, r"This update needs release 6 first; 0 runs\."),
    ],
    ids=["another key", "another machine", "one in between"],
)
def test_what_is_not_for_this_camera_stays_there(world: World, number: int, more: Any, sentence: str) -> None:
    world.publish(number, **more)
    world.at_night()
    world.watch.step()
    assert re.fullmatch(sentence, str(world.state()["trouble"]))
    assert len(world.host.asked()) == 1
    assert world.state()["found"] is None
    with pytest.raises(Conflict):
        world.watch.install_now()


def test_without_room_it_is_not_fetched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish(7)
    monkeypatch.setattr(inbox, "ROOM_LEFT_BYTES", 1 << 60)
    world.at_night()
    world.watch.step()
    assert "MB on the disk" in str(world.state()["trouble"])
    assert not world.places.inbox.parent.exists()


def test_a_file_that_somebody_brings_meanwhile_comes_first(world: World) -> None:
    package = world.publish(7)
    world.at_night()

    class Both:
        """Read to its end while the other one is being fetched."""

        rest = package

        def read(self, count: int) -> bytes:
            if len(self.rest) == len(package):
                world.watch.step()
            data, self.rest = self.rest[:count], self.rest[count:]
            return data

    assert inbox.deliver(Both(), world.places).release == 7
    assert world.places.inbox.read_bytes() == package
    assert world.state()["trouble"] is None


def test_a_certificate_that_nobody_knows_is_refused(world: World) -> None:
    world.publish(7)
    world.watch = world.made(context=ssl.create_default_context())
    world.at_night()
    world.watch.step()
    if world.host.tls:
        assert str(world.state()["trouble"]).startswith(
            "The certificate of the web host localhost is not to be trusted:"
        )
        assert not world.places.inbox.exists()
    assert world.places.inbox.exists() != world.host.tls


def test_where_nothing_can_come_from_nobody_is_asked(world: World, tmp_path: Path) -> None:
    world.publish(7)
    wrong = [
        "https://u:p@example.org/",
        "http://example.org/",
        "https://example.org/?x",
        "https://[::1/",
        "https://0x7f.1/",
    ]
    for address in wrong:
        world.settings = Settings(environment={"PI_CAM_UPDATES_ADDRESS": address})
        assert str(world.made().hindrance()).startswith("The address of the updates makes no sense:")
    # Over the API nobody leads the camera to itself.
    world.settings = Settings({"updates_address": f"{world.host.url}/files/pi-cam"})
    watch = world.made()
    if not world.host.tls:
        assert watch.hindrance() is not None
    else:
        watch.look_now()
        watch.step()
        assert "it is this machine itself" in str(watch.state()["trouble"])
    world.settings = Settings()
    assert world.made().hindrance() == NOWHERE
    world.settings = Settings({"updates_address": "https://example.org/"})
    (tmp_path / "keys/own.pem").unlink()
    assert world.made().hindrance() == NO_KEY
    world.places.kept.rmdir()
    assert world.made().hindrance() == inbox.NOT_HERE
    with pytest.raises(Conflict):
        world.watch.look_now()
    assert world.host.asked() == []


def test_the_thread_hears_a_word_and_ends_at_once(
    tmp_path: Path, host: Host, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = a_world(tmp_path, host, certificate, monkeypatch)
    world.publish(7)
    watch = world.made(pause=None)
    watch.start()
    watch.look_now()
    deadline = time.monotonic() + 10
    while watch.state()["found"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    world.settings = Settings(environment={"PI_CAM_UPDATES_ADDRESS": f"{host.url}/silent/"})
    hanging = world.made(pause=None)
    hanging.start()
    hanging.look_now()
    while not [path for path in host.asked() if path.startswith("/silent")]:
        time.sleep(0.02)
    began = time.monotonic()
    for each in (watch, hanging):
        each.stop()
    assert time.monotonic() - began < 2 * release_watch.STOP_SECONDS
    assert not [one for one in threading.enumerate() if one.name == "releases"]
