"""The command `pi-cam`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pi_cam
from pi_cam.errors import PiCamError, SettingError, SourceError
from pi_cam.logs import configure_logging
from pi_cam.settings import Settings
from pi_cam.store import Store
from pi_cam.trust.tokens import Tokens

DEFAULT_FOLDER = Path.home() / ".local/share/pi-cam"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the answer is the exit status: 0, 1 for what went wrong, 2 for wrong usage."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        configure_logging(Settings.from_environment().text("log_level"))
        return command(arguments)
    except SettingError as error:
        sys.stderr.write(f"pi-cam: {error}\n")
        return 2
    except PiCamError as error:
        sys.stderr.write(f"pi-cam: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _serve(arguments: argparse.Namespace) -> int:
    # Imported here: the other commands need neither gunicorn nor the media libraries.
    from pi_cam import serving
    from pi_cam.capture.source import open_source
    from pi_cam.listeners import bind_all, plan
    from pi_cam.trust.certificates import Certificates
    from pi_cam.trust.device_key import DeviceKey

    places = plan(arguments.listen, arguments.port, arguments.tunnel_port)
    source = arguments.source or Settings.from_environment().text("source")
    try:
        open_source(source, by_operator=True)
    except SourceError as error:
        raise SettingError(str(error)) from error
    Store(arguments.data).open()
    device = DeviceKey.load(arguments.data)
    listeners = bind_all(places)
    if any(listener.tls for listener in listeners):
        Certificates(arguments.data, device.id).renew()  # here, where what goes wrong is one sentence
    serving.CameraServer(listeners, arguments.data, source).run()
    return 0


def _token_create(arguments: argparse.Namespace) -> int:
    from pi_cam.trust.capabilities import parse_capabilities

    sys.stdout.write(_tokens(arguments).create(arguments.name, parse_capabilities(arguments.can)) + "\n")
    return 0


def _token_list(arguments: argparse.Namespace) -> int:
    for row in _tokens(arguments).list():
        sys.stdout.write(f"{row.name}\t{','.join(row.can)}\n")
    return 0


def _token_revoke(arguments: argparse.Namespace) -> int:
    _tokens(arguments).revoke(arguments.name)
    return 0


def _tokens(arguments: argparse.Namespace) -> Tokens:
    store = Store(arguments.data)
    store.open()
    return Tokens(store)


def _owner_set(arguments: argparse.Namespace) -> int:
    from pi_cam.trust.accounts import Accounts
    from pi_cam.trust.passwords import PasswordHasher

    store = Store(arguments.data)
    store.open()
    accounts = Accounts(store, PasswordHasher(store.secret()), session_seconds=1)
    if sys.stdin.isatty():
        sys.stderr.write("New password: ")
        sys.stderr.flush()
    accounts.set_owner(arguments.name, sys.stdin.readline().rstrip("\r\n"))
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from pi_cam.control import doctor, trial
    from pi_cam.transport import webrtc_seam

    findings = doctor.examine(arguments.data, webrtc_seam.missing())
    if arguments.full:
        findings += trial.try_camera(arguments.source or Settings.from_environment().text("source"))
    if arguments.json:
        sys.stdout.write(json.dumps([finding.as_dict() for finding in findings], indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return 1 if any(finding.level == "missing" for finding in findings) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pi-cam", description="A connected camera that a person owns.")
    parser.add_argument("--version", action="version", version=f"pi-cam {pi_cam.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = _command(commands, "serve", _serve, "show the camera to browsers")
    serve.add_argument("--port", type=_port, default=8080, help="default 8080; 0 takes a free one")
    serve.add_argument("--source", metavar="URL", help="camera: (default), rtsp://…, http://…, file:…, synthetic:")
    serve.add_argument(
        "--listen", default="127.0.0.1", metavar="ADDR", help="default 127.0.0.1; any other address brings TLS"
    )
    serve.add_argument(
        "--tunnel-port", type=_port, metavar="N", help="a second port on 127.0.0.1, for a tunnel that ends here"
    )

    token = commands.add_parser("token", help="access for scripts").add_subparsers(required=True, metavar="ACTION")
    create = _command(token, "create", _token_create, "make a token and print it")
    create.add_argument("--name", required=True)
    create.add_argument("--can", required=True, metavar="LIST", help="view,listen,talk,control,record,configure")
    _command(token, "list", _token_list, "names and capabilities")
    _command(token, "revoke", _token_revoke, "end a token").add_argument("name")

    owner = commands.add_parser("owner", help="the person this camera belongs to").add_subparsers(
        required=True, metavar="ACTION"
    )
    owner_set = _command(owner, "set", _owner_set, "name the owner; the password is read from standard input")
    owner_set.add_argument("--name", required=True)

    doctor = _command(commands, "doctor", _doctor, "look whether all that is needed is there")
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.add_argument("--full", action="store_true", help="open the camera, too, and watch it for some seconds")
    doctor.add_argument("--source", metavar="URL", help="the camera that --full opens; as in serve")
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    function: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER, metavar="DIR", help=f"default {DEFAULT_FOLDER}")
    parser.set_defaults(command=function)
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
