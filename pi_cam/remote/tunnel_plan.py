"""What the settings want of a tunnel: which program, which secret, which name. Whatever is missing is one sentence."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import stat
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

from pi_cam.errors import MissingPart, SettingError
from pi_cam.settings import Settings

OFF = "off"
FOLDER = "tunnel"
"""In the data folder."""

CREDENTIALS, TOKEN = "credentials.json", "token"
LARGEST_SECRET = 64 * 1024
HOST = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.ASCII)
"""A host name (RFC 1123, section 2.1) with a dot in it, in lower case, that is no address."""

TOKEN_TEXT = re.compile(rb"[A-Za-z0-9+/_=-]{40,8192}")
OPEN_TO_OTHERS = stat.S_IRWXO
OPEN_TO_GROUP = stat.S_IRWXG


@dataclass(frozen=True, slots=True)
class Plan:
    """One tunnel. `way`: named, token or quick; `folder`: where its files are; `port`: the listener that it leads to;
    `host`: its public name, empty where cloudflared makes one up; `secret_file`: credentials or token; `tunnel`: the UUID of
    a named one; `socket`: that of a unit in which it is to run with fewer rights, empty where it is a child here. `secrets`:
    what must stand in no log."""

    way: str
    program: str
    folder: Path
    port: int
    host: str = ""
    secret_file: Path | None = None
    tunnel: str = ""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    socket: str = ""


def wanted(settings: Settings) -> bool:
    """Whether there is to be a tunnel."""
    return settings.text("tunnel") != OFF


def make_plan(settings: Settings, data: Path, port: int | None) -> Plan:
    """`data`: the data folder; `port`: of the tunnel's listener. Raises `SettingError` and `MissingPart`."""
    return replace(_made(settings, data, port), socket=settings.text("tunnel_socket"))


def _made(settings: Settings, data: Path, port: int | None) -> Plan:
    if port is None:
        raise SettingError("The tunnel leads to a port of its own: start pi-cam with --tunnel-port.")
    way, folder = settings.text("tunnel"), data / FOLDER
    program = find_program(settings.text("tunnel_program"))
    if way == "quick":
        return Plan(way, program, folder, port)
    host = settings.text("tunnel_host")
    if not host:
        raise SettingError("Under which name the tunnel leads here is not set yet: enter it as the public name.")
    if not HOST.fullmatch(host):
        raise SettingError(f"{host} is no public name, such as camera.example.org.")
    if way == "named":
        path = _secret_file(settings.text("tunnel_credentials"), folder / CREDENTIALS)
        tunnel, secret = credentials_of(path, read_secret(path, own=path.parent == folder))
        return Plan(way, program, folder, port, host, path, tunnel, frozenset({secret}))
    path = _secret_file(settings.text("tunnel_token_file"), folder / TOKEN)
    token = token_of(path, read_secret(path, own=path.parent == folder))
    return Plan(way, program, folder, port, host, path, secrets=frozenset({token}))


def has_program(settings: Settings) -> bool:
    """Whether cloudflared is on this machine."""
    try:
        find_program(settings.text("tunnel_program"))
    except MissingPart:
        return False
    return True


def find_program(name: str) -> str:
    """Its whole path. Raises `MissingPart`."""
    found = shutil.which(name)
    if found is not None:
        return str(Path(found).absolute())
    if "/" in name and Path(name).exists():
        raise MissingPart(f"{name} is not a program that can be started.")
    raise MissingPart(f"There is no program {name} on this machine: docs/tunnel.md says how to install it.")


def _secret_file(chosen: str, usual: Path) -> Path:
    """What is named is the operator's; what is not lies in the data folder."""
    return Path(chosen).absolute() if chosen else usual.absolute()


def read_secret(path: Path, *, own: bool) -> bytes:
    """What is in a file that nobody else may read. One of our `own` folder, into which nobody else sees, is put right; of
    another one (a credential of systemd may be its group's) the mistake is said. Raises `SettingError`, `MissingPart`."""
    try:
        with contextlib.closing(os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")) as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise SettingError(f"{path} is not a file.")
            if own and state.st_mode & (OPEN_TO_GROUP | OPEN_TO_OTHERS):
                os.fchmod(file.fileno(), stat.S_IRUSR | stat.S_IWUSR)
            elif state.st_mode & OPEN_TO_OTHERS:
                raise SettingError(f"Everybody on this machine can read {path}: change that with chmod 600.")
            if state.st_size > LARGEST_SECRET:
                raise SettingError(f"{path} is too long for the secret of a tunnel.")
            return file.read(LARGEST_SECRET)
    except FileNotFoundError:
        raise MissingPart(f"The tunnel's secret is missing: put it into {path}.") from None
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror}.") from error


def credentials_of(path: Path, data: bytes) -> tuple[str, str]:
    """The UUID of the tunnel and its secret. Raises `SettingError`."""
    try:
        content = json.loads(data)
        tunnel, secret = content["TunnelID"], content["TunnelSecret"]
        if not (
            isinstance(tunnel, str) and isinstance(secret, str) and secret and isinstance(content["AccountTag"], str)
        ):
            raise TypeError
        return str(uuid.UUID(tunnel)), secret
    except (ValueError, LookupError, TypeError, RecursionError):
        raise SettingError(f"{path} is not the credentials file of a tunnel.") from None


def token_of(path: Path, data: bytes) -> str:
    """Raises `SettingError`."""
    token = data.strip()
    if not TOKEN_TEXT.fullmatch(token):
        raise SettingError(f"{path} holds no token of a tunnel.")
    return token.decode("ascii")
