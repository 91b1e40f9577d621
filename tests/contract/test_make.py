"""`make run` hands on what a person sets, as it was written; and what stands for several targets runs them all."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
SHOW = 'printf "%s|" "$PI_CAM_SOURCE" "$@"'


@pytest.mark.parametrize(
    ("environment", "arguments", "wanted"),
    [
        ({}, [], ["synthetic:", "serve", "--port", "8080"]),
        ({"PI_CAM_SOURCE": "rtsp://bob:pa$sword@h/"}, [], ["rtsp://bob:pa$sword@h/", "serve", "--port", "8080"]),
        ({"PI_CAM_SOURCE": "$(shell echo x)'\""}, [], ["$(shell echo x)'\"", "serve", "--port", "8080"]),
        ({}, ["SOURCE=rtsp://bob:pa$sword@h/"], ["rtsp://bob:pa$sword@h/", "serve", "--port", "8080"]),
        ({"SOURCE": "a b", "PORT": "81"}, ["DATA=/srv/c d"], ["a b", "serve", "--port", "81", "--data", "/srv/c d"]),
    ],
)
def test_what_is_set_arrives(
    tmp_path: Path, environment: dict[str, str], arguments: list[str], wanted: list[str]
) -> None:
    program = tmp_path / "bin" / "pi-cam"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{SHOW}\n")
    program.chmod(0o755)
    (tmp_path / ".run").touch()
    kept = {
        name: value for name, value in os.environ.items() if name not in {"SOURCE", "DATA", "PORT", "PI_CAM_SOURCE"}
    }
    done = subprocess.run(
        [
            "make",
            "--no-print-directory",
            "-o",
            f"{tmp_path}/.run",
            "run",
            f"BIN={program.parent}",
            f"VENV={tmp_path}",
            *arguments,
        ],
        cwd=HERE,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("|")[:-1] == wanted


@pytest.mark.parametrize("named", ["", "/nonexistent/cloudflared"])
def test_the_real_cloudflared_must_be_named(tmp_path: Path, named: str) -> None:
    (tmp_path / ".test").touch()
    command = ["make", "--no-print-directory", "-o", f"{tmp_path}/.test", "test-cloudflared", f"VENV={tmp_path}"]
    kept = {name: value for name, value in os.environ.items() if name != "CLOUDFLARED"}
    done = subprocess.run(
        [*command, *([f"CLOUDFLARED={named}"] if named else [])],
        cwd=HERE,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.startswith("Say where the program is: make test-cloudflared CLOUDFLARED=/usr/bin/cloudflared")


def test_the_camera_as_a_machine_is_tried_in_all_its_forms_and_in_turn(tmp_path: Path) -> None:
    (tmp_path / ".test").touch()
    command = [
        "make",
        "-n",
        "-j4",
        "--no-print-directory",
        "-o",
        f"{tmp_path}/.test",
        "test-appliance",
        f"VENV={tmp_path}",
    ]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True)
    runs = [line.partition("pytest ")[2] for line in done.stdout.splitlines() if " pytest " in line]
    assert runs == [
        "tests/appliance",
        "tests/image --ignore=tests/image/twice",
        "tests/wifi",
        "tests/image/test_boot.py tests/image/test_records.py",
    ]
    assert [line.rpartition(" ")[2] for line in done.stdout.splitlines() if "tests.parts passed" in line] == [
        "appliance",
        "image",
        "wifi",
        "arm64",
    ]
