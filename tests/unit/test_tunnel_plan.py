"""What is asked of the settings and of the secret files, and what is said when it is not there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pi_cam.errors import MissingPart, PiCamError, SettingError
from pi_cam.remote.tunnel_plan import LARGEST_SECRET, Plan, make_plan
from pi_cam.settings import Settings
from tests.tunnels import CANARY, HOST, TUNNEL, credentials, put_secret

TOKEN = b"eyJhIjoi" + b"x" * 160


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "cloudflared"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def planned(data: Path, program: Path | str, port: int | None = 8081, **settings: str) -> Plan:
    values: dict[str, int | float | str | bool] = {"tunnel": "named", "tunnel_host": HOST, **settings}
    return make_plan(Settings({**values, "tunnel_program": str(program)}), data, port)


def test_a_named_one(tmp_path: Path, program: Path) -> None:
    path = put_secret(tmp_path)
    plan = planned(tmp_path, program)
    assert (plan.way, plan.program, plan.host, plan.port) == ("named", str(program), HOST, 8081)
    assert (plan.secret_file, plan.tunnel, list(plan.secrets)) == (path, TUNNEL, [CANARY])
    assert CANARY not in repr(plan)


def test_one_by_a_token(tmp_path: Path, program: Path) -> None:
    path = put_secret(tmp_path, "token", TOKEN + b"\n")
    plan = planned(tmp_path, program, tunnel="token")
    assert (plan.way, plan.secret_file, list(plan.secrets)) == ("token", path, [TOKEN.decode()])
    assert TOKEN.decode() not in repr(plan)


def test_a_quick_one_needs_neither_secret_nor_name(tmp_path: Path, program: Path) -> None:
    plan = planned(tmp_path, program, tunnel="quick", tunnel_host="")
    assert (plan.way, plan.host, plan.secret_file, plan.secrets) == ("quick", "", None, frozenset())


def test_files_elsewhere(tmp_path: Path, program: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(credentials())
    elsewhere.chmod(0o440)  # as systemd shows one
    assert planned(tmp_path / "data", program, tunnel_credentials=str(elsewhere)).secret_file == elsewhere


def test_everybody_could_read_it(tmp_path: Path, program: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(credentials())
    elsewhere.chmod(0o644)
    with pytest.raises(SettingError, match=r"Everybody on this machine can read .*chmod 600\."):
        planned(tmp_path / "data", program, tunnel_credentials=str(elsewhere))


def test_in_our_own_folder_it_is_put_right(tmp_path: Path, program: Path) -> None:
    path = put_secret(tmp_path, mode=0o644)
    planned(tmp_path, program)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not the credentials file of a tunnel."),
        (b"{}", "is not the credentials file of a tunnel."),
        (b"[" * 60_000, "is not the credentials file of a tunnel."),
        (b"null", "is not the credentials file of a tunnel."),
        (TOKEN, "is not the credentials file of a tunnel."),
        (credentials("").replace(b"TunnelID", b"Tunnel"), "is not the credentials file of a tunnel."),
        (credentials(""), "is not the credentials file of a tunnel."),
        (
            credentials().replace(TUNNEL.encode(), b"x\\nmetrics: 0.0.0.0:80"),
            "is not the credentials file of a tunnel.",
        ),
        (credentials() + b" " * LARGEST_SECRET, "is too long for the secret of a tunnel."),
    ],
    ids=range(9),
)
def test_what_is_no_credentials_file(tmp_path: Path, program: Path, content: bytes, said: str) -> None:
    path = put_secret(tmp_path, content=content)
    with pytest.raises(SettingError) as refused:
        planned(tmp_path, program)
    assert str(refused.value) == f"{path} {said}"


@pytest.mark.parametrize(
    "content", [b"", b"short", TOKEN + b" " + TOKEN, b"--no-autoupdate", b"\xff" * 100], ids=range(5)
)
def test_what_is_no_token(tmp_path: Path, program: Path, content: bytes) -> None:
    path = put_secret(tmp_path, "token", content)
    with pytest.raises(SettingError) as refused:
        planned(tmp_path, program, tunnel="token")
    assert str(refused.value) == f"{path} holds no token of a tunnel."


def test_a_secret_that_is_not_there(tmp_path: Path, program: Path) -> None:
    for way, name in (("named", "credentials.json"), ("token", "token")):
        with pytest.raises(MissingPart) as refused:
            planned(tmp_path, program, tunnel=way)
        assert str(refused.value) == f"The tunnel's secret is missing: put it into {tmp_path}/tunnel/{name}."


def test_a_folder_or_a_pipe_in_its_place(tmp_path: Path, program: Path) -> None:
    (tmp_path / "tunnel/token").mkdir(parents=True)
    os.mkfifo(tmp_path / "tunnel/credentials.json")
    for way in ("named", "token"):
        with pytest.raises(SettingError, match=r"(is not a file|cannot be read: Is a directory)\."):
            planned(tmp_path, program, tunnel=way)


@pytest.mark.parametrize("host", ["x..org", "-x.org", "x-.org", "1.2.3.4", "x.o-", "a." * 130 + "org", "x." + "y" * 64])
def test_what_is_no_public_name(tmp_path: Path, program: Path, host: str) -> None:
    put_secret(tmp_path)
    with pytest.raises(SettingError):
        planned(tmp_path, program, tunnel_host=host)


@pytest.mark.parametrize(
    "host", ["x.example.org\nmetrics: 0.0.0.0:1", 'a".example.org', "a b.org", "*.example.org", "x.org:80"]
)
def test_what_no_setting_takes(host: str) -> None:
    with pytest.raises(SettingError):
        Settings().change({"tunnel_host": host})


def test_a_name_is_needed(tmp_path: Path, program: Path) -> None:
    put_secret(tmp_path)
    with pytest.raises(SettingError, match="enter it as the public name"):
        planned(tmp_path, program, tunnel_host="")


def test_no_program(tmp_path: Path, program: Path) -> None:
    program.chmod(0o644)
    for name, said in (
        (str(program), f"{program} is not a program that can be started."),
        (str(tmp_path / "none"), f"There is no program {tmp_path}/none on this machine"),
        ("cloudflared-none", "There is no program cloudflared-none on this machine"),
    ):
        with pytest.raises(PiCamError) as refused:
            planned(tmp_path, name, tunnel="quick")
        assert str(refused.value).startswith(said)


def test_no_listener(tmp_path: Path, program: Path) -> None:
    with pytest.raises(SettingError, match="start pi-cam with --tunnel-port"):
        planned(tmp_path, program, port=None)


def test_what_could_run_or_read_anything_is_the_operators() -> None:
    for name in ("tunnel_program", "tunnel_credentials", "tunnel_token_file"):
        with pytest.raises(SettingError, match="it is set where the camera is started"):
            Settings().change({name: "/bin/sh"})
