"""The command line: exit statuses, and one sentence for a person."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest

import pi_cam
from pi_cam import cli
from pi_cam.errors import SecondFactorNeeded, SettingError
from pi_cam.journal.actions import Entry
from pi_cam.journal.ledger import Ledger
from pi_cam.listeners import bind
from pi_cam.store import Store
from pi_cam.trust.accounts import Accounts
from pi_cam.trust.passwords import PasswordHasher
from pi_cam.trust.sessions import Sessions
from pi_cam.trust.tokens import Tokens
from pi_cam.trust.totp import Totp

PASSWORD = "a green door behind the house"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    try:
        status = cli.main([str(argument) for argument in arguments])
    except SystemExit as end:  # argparse
        status = int(end.code or 0)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return status, captured.out, captured.err


def one_sentence(error: str) -> str:
    (line,) = error.splitlines()
    assert line.startswith("pi-cam: ")
    return line


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"pi-cam {pi_cam.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["token"],
        ["token", "create"],
        ["token", "create", "--name", "x"],
        ["token", "revoke"],
        ["owner"],
        ["owner", "set"],
        ["serve", "--port", "many"],
        ["serve", "--port", "-1"],
        ["serve", "--port", "65536"],
        ["serve", "--colour", "red"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_shown_with_status_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    status, out, error = run(capsys, *arguments)
    assert (status, out) == (2, "")
    (line,) = error.splitlines()
    assert line.startswith("pi-cam: ")
    assert line.endswith("--help")


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--listen", "127.0.0.300", "takes an IP address"),
        ("--listen", "localhost", "takes an IP address"),
        ("--source", "gopher://x", "A camera address starts with one of"),
        ("--source", "nonsense", "A camera address starts with one of"),
        ("--source", "synthetic:?size=1x1", "A synthetic camera"),
        ("--source", "rtsp://", "."),
    ],
)
def test_serve_refuses_what_it_cannot_do(
    capsys: pytest.CaptureFixture[str], data: Path, option: str, value: str, sentence: str
) -> None:
    status, out, error = run(capsys, "serve", "--data", data, "--port", "0", option, value)
    assert (status, out) == (2, "")
    assert sentence in one_sentence(error)
    assert not data.exists()


def test_the_tunnel_has_a_port_of_its_own(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    status, out, error = run(
        capsys, "serve", "--data", data, "--port", "8080", "--tunnel-port", "8080", "--source", "synthetic:"
    )
    assert (status, out) == (2, "")
    assert "--tunnel-port and --port must differ" in one_sentence(error)
    assert not data.exists()


def test_serve_says_when_the_port_is_taken(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, out, error = run(capsys, "serve", "--data", data, "--port", str(port), "--source", "synthetic:")
    assert (status, out) == (2, "")
    assert f"Cannot listen on 127.0.0.1 port {port}" in one_sentence(error)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_free_port_is_found_at_both_kinds_of_address(host: str) -> None:
    with bind(host, 0).socket as listener:
        assert listener.getsockname()[1] > 0


def test_an_address_that_this_machine_does_not_have_is_a_sentence() -> None:
    with pytest.raises(SettingError, match=r"Cannot listen on 127\.0\.0\.300 port 0: .+\."):
        bind("127.0.0.300", 0)


def test_a_machine_without_ipv6_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr("pi_cam.listeners.socket.socket", refuse)
    with pytest.raises(SettingError, match="Address family not supported"):
        bind("::1", 0)


def test_a_data_folder_that_is_a_file_is_a_sentence(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    data.write_text("a file")
    for arguments in (
        ["token", "list"],
        ["serve", "--port", "0", "--source", "synthetic:"],
        ["owner", "set", "--name", "Ada"],
    ):
        status, out, error = run(capsys, *arguments, "--data", data)
        assert (status, out) == (1, "")
        assert "The data folder" in one_sentence(error)


def test_a_setting_that_makes_no_sense_is_a_sentence(
    capsys: pytest.CaptureFixture[str], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI_CAM_VIEWERS_MAX", "many")
    status, _, error = run(capsys, "token", "list", "--data", data)
    assert status == 2
    assert "PI_CAM_VIEWERS_MAX must be a number." in one_sentence(error)


def test_tokens_are_made_listed_and_revoked(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    where = ("--data", data)
    status, out, error = run(capsys, "token", "create", *where, "--name", "door bell", "--can", "control,view")
    assert (status, error) == (0, "")
    (secret,) = out.splitlines()
    person = Tokens(Store(data)).bearer(secret)
    assert person is not None
    assert person.can == {"view", "control"}
    assert run(capsys, "token", "list", *where) == (0, "door bell\tview,control\n", "")
    status, out, error = run(capsys, "token", "create", *where, "--name", "door bell", "--can", "view")
    assert (status, out) == (1, "")
    assert "a token named door bell already" in one_sentence(error)
    assert run(capsys, "token", "revoke", *where, "door bell") == (0, "", "")
    status, out, error = run(capsys, "token", "revoke", *where, "door bell")
    assert (status, out) == (1, "")
    assert "no token named door bell" in one_sentence(error)
    assert run(capsys, "token", "list", *where) == (0, "", "")


def test_a_capability_that_does_not_exist_is_wrong_usage(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    status, out, error = run(capsys, "token", "create", "--data", data, "--name", "x", "--can", "view,fly")
    assert (status, out) == (2, "")
    assert "no capability named fly" in one_sentence(error)


def set_owner(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: Path, name: str, typed: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed.encode(errors="surrogateescape"))))
    return run(capsys, "owner", "set", "--data", data, "--name", name)


def test_the_owner_is_set_and_set_anew(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    assert set_owner(capsys, monkeypatch, data, "Ada", f"{PASSWORD}\nmore\n") == (0, "", "")
    assert set_owner(capsys, monkeypatch, data, "Grace", f"{PASSWORD}\r\n") == (0, "", "")
    store = Store(data)
    key = store.secret()
    accounts = Accounts(store, PasswordHasher(key), Sessions(store, lambda: 60.0), Totp(store, key))
    assert accounts.sign_in("Grace", PASSWORD, address="", agent="")[1].role == "owner"


def test_an_owner_who_lost_the_second_factor_gets_back_in(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    set_owner(capsys, monkeypatch, data, "Ada", f"{PASSWORD}\n")
    store = Store(data)
    key = store.secret()
    totp = Totp(store, key)
    accounts = Accounts(store, PasswordHasher(key), Sessions(store, lambda: 60.0), totp)
    totp.confirm(1, pyotp.TOTP(totp.begin(1, "Ada").secret).now())
    with pytest.raises(SecondFactorNeeded):
        accounts.sign_in("Ada", PASSWORD, address="", agent="")
    assert set_owner(capsys, monkeypatch, data, "Ada", f"{PASSWORD}\n") == (0, "", "")
    assert accounts.sign_in("Ada", PASSWORD, address="", agent="")[1].role == "owner"


@pytest.mark.parametrize(
    ("name", "typed"), [("Ada", "short\n"), ("Ada", ""), ("", f"{PASSWORD}\n"), ("Ada\udcff", f"{PASSWORD}\n")]
)
def test_an_owner_that_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: Path, name: str, typed: str
) -> None:
    status, out, error = set_owner(capsys, monkeypatch, data, name, typed)
    assert (status, out) == (2, "")
    one_sentence(error)


def test_doctor_says_what_is_there_in_lines_and_in_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    monkeypatch.setenv("PI_CAM_SOURCE", "synthetic:")
    status, out, _ = run(capsys, "doctor", "--data", data)
    assert status == 0
    lines = out.splitlines()
    status, out, _ = run(capsys, "doctor", "--json", "--data", data)
    findings = json.loads(out)
    assert status == 0
    said = [line.split()[1].rstrip(":") for line in lines if "→" not in line]
    assert [finding["name"] for finding in findings] == said
    assert [finding["remedy"] for finding in findings if finding["remedy"]] == [
        line.partition("→ ")[2] for line in lines if "→" in line
    ]
    assert {"encoder", "webrtc", "data", "disk", "camera"} <= {finding["name"] for finding in findings}
    assert all(set(finding) == {"name", "level", "text", "remedy"} for finding in findings)
    assert {finding["level"] for finding in findings} <= {"ok", "optional"}


def test_doctor_fails_when_something_needed_is_missing(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    data.write_text("a file")
    status, out, _ = run(capsys, "doctor", "--json", "--data", data, "--source", "synthetic:")
    assert status == 1
    assert [finding["name"] for finding in json.loads(out) if finding["level"] == "missing"] == ["data"]


def test_small_commands_do_not_load_the_media_libraries(data: Path) -> None:
    script = (
        "import sys; from pi_cam import cli; cli.main(['token', 'list', '--data', sys.argv[1]]); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(data)], capture_output=True, text=True, check=True)
    assert not {"av", "aiortc", "flask", "gunicorn", "numpy"} & set(done.stdout.split())


@pytest.mark.parametrize("command", [["token", "list"], ["token", "revoke", "x"], ["doctor"]])
def test_looking_makes_no_data_folder(capsys: pytest.CaptureFixture[str], data: Path, command: list[str]) -> None:
    run(capsys, *command, "--data", data)
    assert not data.exists()


def test_an_empty_folder_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["token", "list", "--data", ""])
    assert ended.value.code == 2
    assert "name the data folder" in capsys.readouterr().err


def test_a_password_that_is_not_utf_8_is_refused(
    capsys: pytest.CaptureFixture[str], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a green door \xff behind the house\n")))
    status, _, error = run(capsys, "owner", "set", "--name", "Ada", "--data", data)
    assert status == 2
    assert "UTF-8" in one_sentence(error)


def test_whoever_reads_our_output_may_go_away(data: Path) -> None:
    command = f"{sys.executable} -m pi_cam.cli token create --name x --can view --data {data} 2>&1 >&3 | true"
    done = subprocess.run(
        ["bash", "-c", f"exec 3> >(exec true); sleep 0.2; {command}; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception" not in done.stdout + done.stderr


def test_a_damaged_secret_is_one_sentence_and_no_server(data: Path) -> None:
    Store(data).open()
    (data / "secret.key").write_text("hi")
    command = [
        sys.executable,
        "-m",
        "pi_cam.cli",
        "serve",
        "--data",
        str(data),
        "--port",
        "0",
        "--source",
        "synthetic:",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is damaged" in one_sentence(done.stderr)


def test_what_is_done_here_stands_in_the_journal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    set_owner(capsys, monkeypatch, data, "Ada", f"{PASSWORD}\n")
    run(capsys, "token", "create", "--data", data, "--name", "door", "--can", "view")
    run(capsys, "token", "revoke", "--data", data, "door")
    status, out, error = run(capsys, "journal", "export", "--data", data)
    assert (status, error) == (0, "")
    rows = [(row["actor"], row["action"], row["detail"]) for row in json.loads(out)]
    assert rows == [
        ("", "journal-begun", {}),
        ("command line", "owner-set", {"name": "Ada"}),
        ("command line", "token-created", {"name": "door", "can": ["view"]}),
        ("command line", "token-revoked", {"name": "door"}),
    ]
    status, out, _ = run(capsys, "journal", "export", "--format", "csv", "--data", data)
    assert (status, len(out.splitlines())) == (0, 5)
    whole = "The journal is whole: 4 rows, none altered, removed or reordered.\n"
    assert run(capsys, "journal", "verify", "--data", data) == (0, whole, "")


def test_who_reads_only_the_beginning_of_an_export_sees_no_error(data: Path) -> None:
    store = Store(data)
    store.open()
    ledger = Ledger(data, store.secret())
    ledger.open(0.0)
    ledger.add([Entry(float(number), "watched", "x" * 100) for number in range(3000)])
    command = f"{sys.executable} -m pi_cam.cli journal export --data {data} | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "[\n", "")


def test_a_journal_that_was_altered_is_a_sentence_and_status_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    set_owner(capsys, monkeypatch, data, "Ada", f"{PASSWORD}\n")
    with contextlib.closing(sqlite3.connect(data / "journal.db")) as opened, opened:
        opened.execute("UPDATE rows SET actor = 'Eve' WHERE id = 2")
    status, out, error = run(capsys, "journal", "verify", "--data", data)
    assert (status, out, one_sentence(error)) == (1, "", "pi-cam: Row 2 was altered.")
    (data / "secret.key").unlink()
    status, out, error = run(capsys, "journal", "verify", "--data", data)
    assert (status, one_sentence(error)) == (1, f"pi-cam: There is no key for the journal in {data}.")


def test_no_journal_is_a_sentence(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    for action in ("verify", "export"):
        status, out, error = run(capsys, "journal", action, "--data", data)
        assert (status, out, one_sentence(error)) == (1, "", f"pi-cam: There is no journal in {data}.")
    assert not data.exists()


def test_a_damaged_database_is_replaced_and_said(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    run(capsys, "token", "create", "--data", data, "--name", "door", "--can", "view")
    (data / "pi-cam.db").write_bytes(b"a letter" * 1000)
    status, out, error = run(capsys, "token", "list", "--data", data)
    assert (status, out) == (0, "door\tview\n")
    assert "the database was damaged" in error
    _, out, _ = run(capsys, "journal", "export", "--data", data)
    assert json.loads(out)[-1]["action"] == "database-restored"
    _, out, _ = run(capsys, "doctor", "--json", "--data", data)
    (finding,) = [finding for finding in json.loads(out) if finding["name"] == "database"]
    assert "The database was damaged: its last good copy is used." in finding["text"]


def test_doctor_names_what_is_wrong_with_the_settings(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    data.mkdir()
    (data / "settings.json").write_text("{")
    status, out, _ = run(capsys, "doctor", "--json", "--data", data, "--source", "synthetic:")
    (finding,) = [finding for finding in json.loads(out) if finding["name"] == "settings"]
    assert (status, finding["level"]) == (0, "optional")
    assert "settings.json is not JSON" in finding["text"]


def test_a_variable_that_makes_no_sense_keeps_nobody_from_the_doctor(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    monkeypatch.setenv("PI_CAM_VIEWERS_MAX", "abc")
    monkeypatch.setenv("PI_CAM_SOURCE", "synthetic:?size=160x120&fps=10")
    status, out, _ = run(capsys, "doctor", "--json", "--full", "--data", data)
    found = {finding["name"]: finding for finding in json.loads(out)}
    assert status == 1
    assert [name for name, one in found.items() if one["level"] == "missing"] == ["settings"]
    assert found["settings"]["text"] == "PI_CAM_VIEWERS_MAX must be a number."
    assert found["settings"]["remedy"]
    assert found["pictures"]["level"] == "ok"
    status, _, error = run(capsys, "token", "list", "--data", data)
    assert (status, one_sentence(error)) == (2, "pi-cam: PI_CAM_VIEWERS_MAX must be a number.")


@pytest.mark.parametrize("form", [["--json"], []], ids=["json", "lines"])
def test_what_the_doctor_found_may_find_no_room(data: Path, form: list[str]) -> None:
    command = [sys.executable, "-m", "pi_cam.cli", "doctor", "--data", str(data), *form]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "pi-cam: What was found cannot be written: No space left on device."
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_the_doctor_speaks_to_any_terminal(data: Path) -> None:
    """Its arrow, and whatever stands in a file."""
    data.mkdir()
    (data / "settings.json").write_text('{"version": 2, "values": {"\\u001b[2Jété": 1}}')
    done = subprocess.run(
        [sys.executable, "-m", "pi_cam.cli", "doctor", "--data", str(data), "--source", "synthetic:"],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr
    assert b"settings.json has \\x1b[2J?t?, which is no setting" in done.stdout
    assert b"\x1b" not in done.stdout


def test_the_file_says_the_source_where_nothing_else_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    monkeypatch.delenv("PI_CAM_SOURCE", raising=False)
    data.mkdir()
    (data / "settings.json").write_text('{"version": 2, "values": {"source": "gopher://x"}}')
    status, _, error = run(capsys, "serve", "--data", data, "--port", "0")
    assert status == 2
    assert "A camera address starts with one of" in one_sentence(error)
