"""When the tunnel is started, started again and given up, on a clock of the test's own."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pi_cam.errors import MissingPart
from pi_cam.remote import tunnel as words
from pi_cam.remote.tunnel import (
    CONNECT_SECONDS,
    LONGEST_WAIT_SECONDS,
    LOOK_SECONDS,
    SILENT_SECONDS,
    STEADY_SECONDS,
    Tunnel,
)
from pi_cam.remote.tunnel_plan import Plan
from pi_cam.settings import Settings
from tests.tunnels import HOST, put_secret

QUICK_HOST = "four-plain-words-here.trycloudflare.com"


class Program:
    """A cloudflared that does what the test says."""

    def __init__(self, plan: Plan) -> None:
        self.host = plan.host
        self.cause: str | None = None
        self.exit: int | None = None
        self.answer: int | None = None
        self.stopped = False

    def status(self) -> int | None:
        return self.exit

    def connections(self) -> int | None:
        return self.answer

    def stop(self, grace: float) -> None:
        assert grace < 1
        self.stopped = True


class World:
    def __init__(self, folder: Path, **settings: str) -> None:
        program = folder / "cloudflared"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        put_secret(folder)
        put_secret(folder, "token", b"e" * 180)
        chosen = {"PI_CAM_TUNNEL_PROGRAM": str(program), **settings}
        self.settings = Settings({"tunnel": "named", "tunnel_host": HOST}, environment=chosen)
        self.now = 1_000.0
        self.jitter = 1.0
        self.programs: list[Program] = []
        self.refusal: str | None = None
        self.exhausted = False
        self.notes: list[tuple[str, Any]] = []
        self.wake: Callable[[], None] = lambda: None
        self.tunnel = Tunnel(
            self.settings,
            folder,
            8081,
            lambda action, **detail: self.notes.append((action, detail.get("why", detail.get("host")))),
            self.launch,
            lambda: self.now,
            lambda: self.jitter,
        )

    def launch(self, plan: Plan, ended: Callable[[], None]) -> Program:
        if self.exhausted:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        if self.refusal is not None:
            raise MissingPart(self.refusal)
        self.wake = ended
        self.programs.append(Program(plan))
        return self.programs[-1]

    @property
    def program(self) -> Program:
        return self.programs[-1]

    def state(self, name: str = "state") -> Any:
        return self.tunnel.state()[name]

    def step(self, seconds: float = 0.0) -> float | None:
        self.now += seconds
        return self.tunnel.step()

    def come_up(self) -> None:
        self.program.answer = 4
        self.step(LOOK_SECONDS)
        assert self.state() == "up"

    def crash(self) -> float:
        self.program.exit = 1
        wait = self.step(LOOK_SECONDS)
        assert wait is not None
        return wait


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_off_is_nothing_to_do(world: World) -> None:
    world.settings.change({"tunnel": "off"})
    assert world.step() is None
    assert (world.state(), world.programs) == ("off", [])


def test_it_connects_and_is_up(world: World) -> None:
    assert world.step() == LOOK_SECONDS
    assert (world.state(), world.state("host"), world.state("trouble")) == ("connecting", HOST, None)
    world.program.answer = 0
    world.step(LOOK_SECONDS)
    assert world.state() == "connecting"
    world.come_up()
    assert world.tunnel.state() == {
        "way": "named",
        "state": "up",
        "host": HOST,
        "trouble": None,
        "connections": 4,
        "restarts": 0,
        "next_try_seconds": None,
    }
    assert world.notes == [("tunnel-up", HOST)]


def test_each_start_waits_twice_as_long_up_to_a_minute(world: World) -> None:
    world.step()
    waits = []
    for _ in range(9):
        waits.append(world.crash())
        assert world.state() == "waiting"
        assert world.step(waits[-1] - 0.01) == pytest.approx(0.01)
        assert len(world.programs) == len(waits)
        world.step(0.01)
        assert len(world.programs) == len(waits) + 1
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, LONGEST_WAIT_SECONDS]
    assert world.state("restarts") == 9
    assert all(program.stopped for program in world.programs[:-1])


def test_no_two_devices_wait_as_long(world: World) -> None:
    world.step()
    world.jitter = 0.5
    assert world.crash() == 0.5
    assert world.state("next_try_seconds") == 0.5


def test_who_was_up_for_a_while_begins_anew(world: World) -> None:
    world.step()
    for _ in range(4):
        world.step(world.crash())
    world.come_up()
    world.step(STEADY_SECONDS)
    assert world.crash() == 1


def test_who_was_up_for_a_moment_does_not(world: World) -> None:
    world.step()
    for _ in range(4):
        world.step(world.crash())
    world.come_up()
    world.step(STEADY_SECONDS - 1)
    assert world.crash() == 16


def test_a_lost_connection_is_said_and_comes_back(world: World) -> None:
    world.step()
    world.come_up()
    world.program.answer = 0
    world.step(LOOK_SECONDS)
    assert (world.state(), world.state("trouble"), world.state("connections")) == ("connecting", words.LOST, 0)
    world.come_up()
    assert world.state("trouble") is None
    assert world.notes == [("tunnel-up", HOST), ("tunnel-down", words.LOST), ("tunnel-up", HOST)]
    assert len(world.programs) == 1


def test_what_ends_while_it_is_up_is_said_once(world: World) -> None:
    world.step()
    world.come_up()
    world.crash()
    assert world.notes == [("tunnel-up", HOST), ("tunnel-down", words.ENDED)]
    world.step(60)
    world.crash()
    assert len(world.notes) == 2


def test_why_it_ended_is_what_it_said(world: World) -> None:
    world.step()
    world.program.cause = "Cloudflare says no."
    world.crash()
    assert world.state("trouble") == "Cloudflare says no."


def test_one_that_does_not_come_up_is_said_after_a_while(world: World) -> None:
    world.step()
    world.program.answer = 0
    world.step(CONNECT_SECONDS)
    assert world.state("trouble") is None
    world.step(1)
    assert world.state("trouble") == words.NOT_YET
    world.program.cause = "There is no network."
    world.step(1)
    assert (world.state(), world.state("trouble")) == ("connecting", "There is no network.")
    assert not world.program.stopped


def test_one_that_hangs_is_ended_and_started_again(world: World) -> None:
    world.step()
    world.come_up()
    world.program.answer = None
    world.step(SILENT_SECONDS)
    assert (world.program.stopped, world.state()) == (False, "connecting")
    wait = world.step(1)
    assert (world.program.stopped, world.state(), world.state("trouble")) == (True, "waiting", words.SILENT)
    assert wait == 1


def test_what_cannot_be_started_is_said_and_tried_again(world: World) -> None:
    world.refusal = "There is no such program."
    assert world.step() == 1
    assert (world.state(), world.state("trouble"), world.state("restarts")) == ("waiting", world.refusal, 0)
    world.refusal = None
    world.step(1)
    world.come_up()
    assert world.state("trouble") is None


def test_a_machine_that_has_no_more_files_is_said_and_tried_again(world: World) -> None:
    world.exhausted = True
    assert world.step() == 1
    assert world.state("trouble") == "cloudflared cannot be started: Too many open files."
    world.exhausted = False
    world.step(1)
    world.come_up()


def test_a_change_of_settings_holds_at_once(world: World) -> None:
    world.step()
    world.come_up()
    world.settings.change({"tunnel_host": "porch.example.org"})
    assert world.tunnel._wake.is_set()
    world.step()
    assert [program.host for program in world.programs] == [HOST, "porch.example.org"]
    assert world.programs[0].stopped
    world.settings.change({"tunnel": "off"})
    assert world.step() is None
    assert (world.programs[1].stopped, world.state(), world.state("host")) == (True, "off", None)


def test_a_change_does_not_wait_for_the_next_try(world: World) -> None:
    world.step()
    for _ in range(6):
        world.step(world.crash())
    world.crash()
    world.settings.change({"tunnel": "token"})
    assert world.step() == LOOK_SECONDS
    assert (world.state(), world.state("trouble")) == ("connecting", None)


def test_another_setting_changes_nothing(world: World) -> None:
    world.step()
    world.settings.change({"viewers_max": 3})
    world.step()
    assert len(world.programs) == 1


def test_a_quick_tunnel_is_up_once_its_name_is_known(world: World) -> None:
    world.settings.change({"tunnel": "quick", "tunnel_host": ""})
    world.step()
    world.program.answer = 1
    world.step(LOOK_SECONDS)
    assert (world.state(), world.state("trouble")) == ("connecting", words.NO_NAME)
    assert world.tunnel.names() == frozenset()
    world.program.host = QUICK_HOST
    world.step(LOOK_SECONDS)
    assert (world.state(), world.state("host")) == ("up", QUICK_HOST)
    assert world.tunnel.names() == {QUICK_HOST}
    world.crash()
    assert world.tunnel.names() == frozenset()


def test_the_name_of_the_settings_counts_whoever_keeps_the_tunnel(world: World) -> None:
    world.settings.change({"tunnel": "off"})
    assert world.tunnel.names() == {HOST}
    world.settings.change({"tunnel": "quick"})
    world.step()
    world.program.host = QUICK_HOST
    assert world.tunnel.names() == {HOST, QUICK_HOST}


def test_without_its_listener_there_is_a_sentence(tmp_path: Path) -> None:
    settings = Settings({"tunnel": "quick"})
    tunnel = Tunnel(settings, tmp_path, None, lambda *_, **__: None, clock=lambda: 0.0, jitter=lambda: 1.0)
    tunnel.step()
    assert tunnel.state()["trouble"] == "The tunnel leads to a port of its own: start pi-cam with --tunnel-port."


def test_its_thread_ends_the_program(world: World) -> None:
    world.tunnel.start()
    while not world.programs:
        world.tunnel._ended.wait(0.001)
    world.tunnel.stop()
    world.tunnel.stop()
    assert world.program.stopped
    assert world.state() == "off"


def test_stopping_what_was_not_started_is_nothing(world: World) -> None:
    world.tunnel.stop()
    assert world.state() == "off"
