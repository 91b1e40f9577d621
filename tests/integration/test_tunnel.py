"""The running product and its tunnel, with a program that stands in for cloudflared (`tests/fake_cloudflared.py`)."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.looking import doctor
from tests.server import Server, pi_cam, serving
from tests.tunnels import CANARY, HOST, Fake, command_line, descendants, lives, put_secret, until

SOURCE = "synthetic:?size=160x120&fps=10"
TOKEN = CANARY * 3


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path / "program")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    put_secret(folder)
    put_secret(folder, "token", TOKEN.encode())
    return folder


@contextmanager
def tunnelled(data: Path, fake: Fake, way: str = "named", *, tunnel: bool = True, **more: str) -> Iterator[Server]:
    environment = {
        "PI_CAM_TUNNEL": way,
        "PI_CAM_TUNNEL_HOST": HOST,
        "PI_CAM_TUNNEL_PROGRAM": str(fake.path),
        "PI_CAM_LOG_LEVEL": "debug",
        **more,
    }
    with serving(data, SOURCE, owner=True, tunnel=tunnel, environment=environment) as server:
        yield server


def state(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.request("GET", "/api/v1/tunnel", token=server.token("configure")).json()
    return found


def wait_for(server: Server, wanted: str, seconds: float = 15.0) -> dict[str, Any]:
    token = server.token("configure")

    def looked() -> dict[str, Any] | None:
        found: dict[str, Any] = server.request("GET", "/api/v1/tunnel", token=token).json()
        return found if found["state"] == wanted else None

    found: dict[str, Any] = until(looked, seconds, f"for {wanted}: {state(server)}")
    return found


def journal(data: Path) -> list[tuple[str, str]]:
    rows = json.loads(pi_cam("journal", "export", "--data", data))
    return [(row["action"], row["result"]) for row in rows if row["action"].startswith("tunnel-")]


@pytest.mark.parametrize(("way", "host"), [("named", HOST), ("token", HOST)])
def test_it_comes_up_and_leads_to_the_tunnels_listener(data: Path, fake: Fake, way: str, host: str) -> None:
    with tunnelled(data, fake, way) as server:
        found = wait_for(server, "up")
        assert (found["way"], found["host"], found["connections"], found["trouble"]) == (way, host, 4, None)
        written = (data / "tunnel/cloudflared.yml").read_text()
        assert f'service: "{server.tunnel_url}"' in written
        assert (data / "tunnel/cloudflared.yml").stat().st_mode & 0o777 == 0o600
        assert server.through_tunnel().request("GET", "/healthz", headers={"Host": HOST}).status == 200


def test_the_name_of_a_quick_tunnel_is_accepted_while_it_is_up(data: Path, fake: Fake) -> None:
    fake.behave(quick_host="a-b-c-d.trycloudflare.com")
    with tunnelled(data, fake, "quick", PI_CAM_TUNNEL_HOST="") as server:
        outside = server.through_tunnel()
        assert wait_for(server, "up")["host"] == "a-b-c-d.trycloudflare.com"
        assert outside.request("GET", "/healthz", headers={"Host": "a-b-c-d.trycloudflare.com"}).status == 200
        assert outside.request("GET", "/healthz", headers={"Host": "e-f-g-h.trycloudflare.com"}).status == 400
        assert server.request("GET", "/healthz", headers={"Host": "a-b-c-d.trycloudflare.com"}).status == 400


def test_killed_it_is_started_again(data: Path, fake: Fake) -> None:
    with tunnelled(data, fake) as server:
        wait_for(server, "up")
        starts = []
        for _ in range(3):
            (pid,) = fake.living()
            os.kill(pid, signal.SIGKILL)
            starts.append(time.monotonic())
            until(lambda gone=pid: set(fake.living()) - {gone}, 20)  # type: ignore[misc]  # of this round
        begun = [run["at"] for run in fake.runs()[1:]]
        waits = [begin - killed for begin, killed in zip(begun, starts, strict=True)]
        assert 0.4 < waits[0] < 4
        assert waits[2] > 1.9, waits  # the third waits for 2 to 4 seconds
        wait_for(server, "up")
        assert len(fake.living()) == 1
    assert journal(data)[:2] == [("tunnel-up", "ok"), ("tunnel-down", "failed")]


def test_one_that_ends_by_itself_is_said_with_its_reason(data: Path, fake: Fake) -> None:
    line = 'Register tunnel error from server side error="Unauthorized: Invalid tunnel secret" connIndex=0'
    fake.behave(ready_after=100, crash_after=0.3, say=[["ERR", line]])
    with tunnelled(data, fake) as server:
        found = wait_for(server, "waiting")
        assert found["trouble"].startswith("Cloudflare refuses the tunnel's secret")
        page = server.request("GET", "/remote", token=server.token("configure"), headers={"Accept-Language": "fr"})
        assert "Cloudflare refuse le secret du tunnel" in page.body.decode()
        assert 'data-tunnel="' in page.body.decode()
        fake.behave()
        wait_for(server, "up", 20)


def test_a_lost_connection_is_shown_and_comes_back(data: Path, fake: Fake) -> None:
    with tunnelled(data, fake) as server:
        wait_for(server, "up")
        fake.behave(ready_after=1e6)
        assert wait_for(server, "connecting")["trouble"].startswith("The connection to Cloudflare was lost")
        fake.behave()
        wait_for(server, "up")
        assert len(fake.runs()) == 1
        until(lambda: len(journal(data)) == 3)
    assert journal(data) == [("tunnel-up", "ok"), ("tunnel-down", "failed"), ("tunnel-up", "ok")]


@pytest.mark.parametrize("how", [{}, {"ignore_sigterm": True}], ids=["willing", "deaf"])
def test_at_the_end_it_is_gone_within_two_seconds(data: Path, fake: Fake, how: dict[str, Any]) -> None:
    fake.behave(**how)
    with tunnelled(data, fake) as server:
        wait_for(server, "up")
        (pid,) = fake.living()
        began = time.monotonic()
        assert server.stop() == 0
        took = time.monotonic() - began
        assert not lives(pid)
        assert took < 2, f"took {took:.1f} s"


def test_one_that_is_stopped_while_it_starts_is_gone_too(data: Path, fake: Fake) -> None:
    with tunnelled(data, fake) as server:
        until(fake.calls)
        assert server.stop() == 0
    until(lambda: not fake.living())


def test_one_that_does_not_look_at_its_configuration_holds_up_nothing(data: Path, fake: Fake) -> None:
    fake.behave(hesitate=30)
    with tunnelled(data, fake) as server:
        (asked,) = until(lambda: [call["pid"] for call in fake.calls() if "validate" in call["arguments"]])
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 2
        until(lambda: not lives(asked), 1)


def test_it_does_not_outlive_a_killed_worker(data: Path, fake: Fake) -> None:
    with tunnelled(data, fake) as server:
        wait_for(server, "up")
        (pid,) = fake.living()
        (worker,) = [one for one in server.processes()[1:] if "pi_cam.cli" in command_line(one)]
        os.kill(worker, signal.SIGKILL)
        until(lambda: not lives(pid), 1)
        until(lambda: fake.living(), 20)  # gunicorn starts another worker, and that one another tunnel


def test_it_does_not_outlive_pi_cam(data: Path, fake: Fake) -> None:
    with pytest.raises(AssertionError), tunnelled(data, fake) as server:  # it does not end well
        wait_for(server, "up")
        (pid,) = fake.living()
        for one in [server.process.pid, *descendants(server.process.pid)]:
            if one != pid:
                os.kill(one, signal.SIGKILL)
        until(lambda: not lives(pid), 1)


def test_no_secret_is_seen_anywhere(data: Path, fake: Fake) -> None:
    seen = []
    for way in ("named", "token"):
        with tunnelled(data, fake, way) as server:
            token = server.token("configure")
            wait_for(server, "up")
            for pid in [server.process.pid, *descendants(server.process.pid)]:
                seen += [command_line(pid), Path(f"/proc/{pid}/environ").read_text()]
            for path in ("/api/v1/tunnel", "/remote", "/api/v1/settings", "/api/v1/system/report", "/metrics"):
                seen.append(server.request("GET", path, token=token).body.decode())
        log = (data / "test-stderr.log").read_text()
        said = [json.loads(line).get("said") for line in log.splitlines() if '"said"' in line]
        assert "Starting tunnel" in said  # so that the search has something to search in
        assert "Registered tunnel connection" in said
        assert "Cookie" not in log
        assert "xxxx" not in log
        assert "forged" not in log
        seen += [log, (data / "tunnel/cloudflared.yml").read_text()]
    assert not [text for text in seen if CANARY in text]


def test_its_environment_is_not_ours(data: Path, fake: Fake) -> None:
    with tunnelled(data, fake, PI_CAM_ICE_SERVERS="", TUNNEL_TOKEN="x", TUNNEL_LOGLEVEL="debug") as server:
        wait_for(server, "up")
    (run,) = fake.runs()
    assert not [name for name in run["environment"] if name.startswith(("TUNNEL", "PI_CAM"))]


def test_without_its_listener_nothing_is_started(data: Path, fake: Fake) -> None:
    with tunnelled(data, fake, tunnel=False) as server:
        trouble = "The tunnel leads to a port of its own: start pi-cam with --tunnel-port."
        assert wait_for(server, "waiting")["trouble"] == trouble
    assert fake.calls() == []


def test_a_program_that_comes_later_is_found(data: Path, fake: Fake) -> None:
    later = fake.path.rename(fake.path.with_name("not yet"))
    with tunnelled(data, fake) as server:
        assert wait_for(server, "waiting")["trouble"].startswith(f"There is no program {fake.path} on this machine")
        later.rename(fake.path)
        wait_for(server, "up", 20)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x7fELF nonsense", "is not a program that can be started."),
        (b"#!/nonexistent/interpreter\n", "is not a program that can be started."),
    ],
)
def test_what_is_no_program(data: Path, fake: Fake, content: bytes, said: str) -> None:
    fake.path.write_bytes(content)
    with tunnelled(data, fake) as server:
        assert wait_for(server, "waiting")["trouble"] == f"{fake.path} {said}"


def test_it_is_turned_on_and_off_while_the_device_runs(data: Path, fake: Fake) -> None:
    environment = {"PI_CAM_TUNNEL_PROGRAM": str(fake.path)}
    with serving(data, SOURCE, owner=True, tunnel=True, environment=environment) as server:
        token = server.token("configure")

        def change(where: Server, **values: object) -> int:
            headers = {"Content-Type": "application/json"}
            body = json.dumps(values).encode()
            return where.request("PATCH", "/api/v1/settings", token=token, body=body, headers=headers).status

        assert state(server)["state"] == "off"
        assert change(server, tunnel_host=HOST) == 200
        assert change(server.through_tunnel(), tunnel="named") == 403
        assert change(server, tunnel="named") == 200
        wait_for(server, "up")
        assert change(server.through_tunnel(), tunnel="off") == 200
        wait_for(server, "off")
        until(lambda: not fake.living())
        assert change(server, tunnel_program="/bin/sh") == 422


def test_the_doctor_looks_at_the_program_and_at_the_connection(data: Path, fake: Fake, tmp_path: Path) -> None:
    environment = {"PI_CAM_TUNNEL": "named", "PI_CAM_TUNNEL_HOST": HOST, "PI_CAM_TUNNEL_PROGRAM": str(fake.path)}

    def lines() -> list[tuple[str, str]]:
        return [(one["level"], one["text"]) for one in doctor(data, environment=environment)["tunnel"]]

    takes = ("ok", "cloudflared 2026.8.2 is installed, and takes its configuration.")
    assert lines() == [takes, ("optional", "The tunnel does not run now.")]
    with tunnelled(data, fake) as server:
        wait_for(server, "up")
        assert lines() == [takes, ("ok", "The tunnel is up; its connections to Cloudflare: 4.")]
        answer = server.request("GET", "/api/v1/system/doctor", token=server.token("configure")).json()
        assert [one["level"] for one in answer["findings"] if one["name"] == "tunnel"] == ["ok", "ok"]
        fake.behave(ready_after=1e6)
        wait_for(server, "connecting")
        assert lines()[1] == ("optional", "The tunnel runs, but has no connection to Cloudflare now.")
    fake.path.chmod(0o644)
    assert lines() == [("missing", f"{fake.path} is not a program that can be started.")]
    fake.path.chmod(0o755)
    (data / "tunnel/credentials.json").unlink()
    assert lines() == [("missing", f"The tunnel's secret is missing: put it into {data}/tunnel/credentials.json.")]
    environment.clear()
    assert lines() == [("ok", "No tunnel is set up here: the device is reached at home.")]
