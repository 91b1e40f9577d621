"""docs/deploy cannot rot: what can run of it runs, and what it names is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.portal.deployed import FILES
from tests.portal.guide import DEBIAN, FOLDER, HERE, block_with, blocks
from web.portal.operator import _parser
from web.portal.settings import from_environment

GUIDES = sorted(FOLDER.glob("*.md"))


def run(commands: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(["bash", "-euc", commands], env=own, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_every_block_is_one_that_a_shell_reads(guide: Path) -> None:
    assert blocks(guide)
    for block in blocks(guide):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), block


def test_every_file_that_is_named_is_there_and_every_file_is_named() -> None:
    text = "\n".join(guide.read_text("utf-8") for guide in GUIDES)
    named = set(re.findall(r"deploy/portal/([\w.*-]+)", text))
    assert {name for name in named if not list(FILES.glob(name))} == set()
    files = {path.name for path in FILES.iterdir() if path.is_file()}
    assert files == {path.name for name in named for path in FILES.glob(name)}
    for guide in GUIDES:
        for link in re.findall(r"\]\(([^)#:]+)\)", guide.read_text("utf-8")):
            assert (guide.parent / link).exists(), f"{guide.name}: {link}"


def test_the_settings_of_the_guide_are_settings_that_the_portal_takes(tmp_path: Path) -> None:
    """Written by its own commands, into another folder; with a password that a shell could stumble over."""
    commands = block_with(DEBIAN, "portal.env <<END").replace("/etc/camera-portal", str(tmp_path / "etc"))
    mail = 'smtp://us$er:p`a"s&s%40@mail.example.org:587'
    done = run(
        commands,
        NAME="portal.example.org",
        MAIL_URL=mail,
        CONTACT="mailto:you@example.org",
        RUNNING="r1",
        MIGRATING="m1",
    )
    assert done.returncode == 0, done.stderr
    files = {name: tmp_path / "etc" / name for name in ("portal.env", "migrate.env")}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    by_systemd = {
        name: dict(re.findall(r"^(\w+)='([^']*)'$", path.read_text(), re.MULTILINE)) for name, path in files.items()
    }
    for name, path in files.items():
        by_shell = run(f"set -a; . {path}; env -0").stdout.split("\0")
        assert set(by_shell) >= {f"{key}={value}" for key, value in by_systemd[name].items()}
    settings = from_environment(by_systemd["portal.env"])
    assert (settings.url, settings.proxies, settings.environment) == ("https://portal.example.org", 1, "production")
    assert settings.mail is not None
    assert (settings.mail.user, settings.mail.password) == ("us$er", 'p`a"s&s@')
    assert len(settings.secret) == 64
    assert "portal_migrate:m1@" in by_systemd["migrate.env"]["DATABASE_URL"]
    assert list(by_systemd["migrate.env"]) == ["DATABASE_URL"]


def test_the_name_is_filled_in_everywhere(tmp_path: Path) -> None:
    commands = "\n".join(line for line in block_with(DEBIAN, "@NAME@").splitlines() if "@NAME@" in line)
    commands = commands.replace("/etc/nginx/conf.d", str(tmp_path)).replace("source/", f"{HERE}/")
    assert run(commands, NAME="portal.example.org").returncode == 0
    assert "@" not in (tmp_path / "camera-portal.conf").read_text().replace("#", "")


def test_every_command_of_the_operator_is_described_and_no_other() -> None:
    table = (
        (FOLDER / "portal-upkeep.md").read_text("utf-8").partition("| command | what it does |")[2].partition("\n\n")[0]
    )
    described = re.findall(r"^\| `([\w-]+)", table, re.MULTILINE)
    (commands,) = [action.choices for action in _parser()._actions if action.dest == "command"]
    assert described == list(commands or ())


def test_requirements_are_those_of_the_package_which_the_website_imports() -> None:
    """The camera's own parts are not installed with it."""
    listed = {line for line in (FILES / "requirements.txt").read_text().splitlines() if not line.startswith("#")}
    in_setup = set(re.findall(r'^\s+"([a-z][\w.-]*[<>=][^"]*)",', (HERE / "setup.py").read_text(), re.MULTILINE))
    assert listed <= in_setup
    names = {re.split(r"[<>=]", line)[0].replace("-", "_") for line in listed}
    modules = {"pyjwt": "jwt"}
    given = {modules.get(name, name) for name in names} | {"werkzeug", "jinja2"}
    pattern = re.compile(r"^(?:from|import) ([a-zA-Z_]\w*)", re.MULTILINE)
    imported = {module for path in (HERE / "web").rglob("*.py") for module in pattern.findall(path.read_text("utf-8"))}
    assert imported - given - set(sys.stdlib_module_names) - {"web"} == set()


def test_a_new_certificate_is_handed_to_nginx(tmp_path: Path) -> None:
    """As certbot calls the hook; `systemctl` is written down instead of run."""
    for folder in ("live", "bin"):
        (tmp_path / folder).mkdir()
    for name in ("fullchain.pem", "privkey.pem"):
        (tmp_path / "live" / name).write_text(name)
    systemctl = tmp_path / "bin/systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\n')
    systemctl.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
        "RENEWED_LINEAGE": str(tmp_path / "live"),
        "PORTAL_TLS": str(tmp_path / "tls"),
    }
    for _ in range(2):
        subprocess.run([FILES / "certificate.sh"], env=environment, check=True)
    made = sorted((tmp_path / "tls").iterdir())
    assert [(path.name, path.read_text(), path.stat().st_mode & 0o777) for path in made] == [
        ("fullchain.pem", "fullchain.pem", 0o600),
        ("privkey.pem", "privkey.pem", 0o600),
    ]
    assert (tmp_path / "called").read_text() == "reload nginx.service\n" * 2
