"""The command `pi-cam`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import pi_cam
from pi_cam import full_doctor, journal_commands, keeping_commands, update_commands
from pi_cam.errors import PiCamError, SettingError, SourceError
from pi_cam.full_doctor import said
from pi_cam.keeping.settling import settle
from pi_cam.logs import configure_logging
from pi_cam.settings import ROWS, Settings
from pi_cam.store import Store
from pi_cam.trust.tokens import Tokens

DEFAULT_FOLDER = Path(os.environ.get("PI_CAM_DATA") or Path.home() / ".local/share/pi-cam")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the answer is the exit status: 0, 1 for what went wrong, 2 for wrong usage."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        configure_logging(_log_level(command))
        status = command(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except SettingError as error:
        sys.stderr.write(f"pi-cam: {error}\n")
        return 2
    except PiCamError as error:
        sys.stderr.write(f"pi-cam: {error}\n")
        return 1
    except BrokenPipeError:  # who reads our output has gone
        sys.stdout = None  # else the interpreter would try again, and complain
        return 1
    except KeyboardInterrupt:
        return 130


def _log_level(command: Callable[[argparse.Namespace], int]) -> str:
    try:
        return Settings.from_environment().text("log_level")
    except SettingError:
        if command is not _doctor:
            raise
        return Settings().text("log_level")  # what is wrong with the variable is for the doctor to say


def _serve(arguments: argparse.Namespace) -> int:
    # Imported here: the other commands need neither gunicorn nor the media libraries.
    from pi_cam import serving
    from pi_cam.capture.source import open_source
    from pi_cam.keeping import occupied
    from pi_cam.listeners import bind_all, plan
    from pi_cam.reset_by_button import reset_if_held
    from pi_cam.trust.certificates import Certificates
    from pi_cam.trust.device_key import DeviceKey

    places = plan(arguments.listen, arguments.port, arguments.tunnel_port)
    settle(arguments.data)
    reset_if_held(arguments.data)
    source = arguments.source or Settings.load(arguments.data).text("source")
    try:
        open_source(source, by_operator=True)
    except SourceError as error:
        raise SettingError(str(error)) from error
    store = _opened(arguments.data)
    store.secret()  # what is wrong with it is said here, in a sentence, and not by a worker that cannot start
    device = DeviceKey.load(arguments.data)
    listeners = bind_all(places)
    if any(listener.tls for listener in listeners):
        Certificates(arguments.data, device.id).renew()
    with occupied.by_device(arguments.data):
        serving.CameraServer(listeners, arguments.data, source, button=arguments.button == "api").run()
    return 0


def _token_create(arguments: argparse.Namespace) -> int:
    from pi_cam.trust.capabilities import in_order, parse_capabilities

    can = parse_capabilities(arguments.can)
    token = _tokens(arguments, create=True).create(arguments.name, can)
    journal_commands.note(arguments.data, "token-created", name=arguments.name, can=in_order(can))
    sys.stdout.write(token + "\n")
    return 0


def _token_list(arguments: argparse.Namespace) -> int:
    for row in _tokens(arguments).list():
        sys.stdout.write(f"{row.name}\t{','.join(row.can)}\n")
    return 0


def _token_revoke(arguments: argparse.Namespace) -> int:
    _tokens(arguments).revoke(arguments.name)
    journal_commands.note(arguments.data, "token-revoked", name=arguments.name)
    return 0


def _tokens(arguments: argparse.Namespace, *, create: bool = False) -> Tokens:
    return Tokens(_opened(arguments.data, create=create))


def _opened(folder: Path, *, create: bool = True) -> Store:
    """The store, ready. That a damaged database was replaced stands in the journal."""
    settle(folder)
    store = Store(folder)
    store.open(create=create)
    if store.restored is not None:
        journal_commands.note(folder, "database-restored", kept_as=store.restored)
    return store


def _owner_set(arguments: argparse.Namespace) -> int:
    from pi_cam.trust.accounts import Accounts
    from pi_cam.trust.passwords import PasswordHasher
    from pi_cam.trust.sessions import Sessions
    from pi_cam.trust.totp import Totp

    store = _opened(arguments.data)
    key = store.secret()
    accounts = Accounts(store, PasswordHasher(key), Sessions(store, lambda: 1.0), Totp(store, key))
    if sys.stdin.isatty():
        sys.stderr.write("New password: ")
        sys.stderr.flush()
    accounts.set_owner(arguments.name, _password())
    journal_commands.note(arguments.data, "owner-set", name=arguments.name.strip())
    return 0


def _password() -> str:
    """One line of standard input. Read as bytes: what a browser sends is UTF-8, whatever this terminal's encoding."""
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SettingError("The password is not UTF-8 text.") from None


def _doctor(arguments: argparse.Namespace) -> int:
    from pi_cam.control import doctor
    from pi_cam.control.findings import Place
    from pi_cam.remote.tunnel_look import of_folder

    source = arguments.source or _source(arguments.data)
    findings = doctor.examine(Place(arguments.data, _webrtc_lacks, source, of_folder(arguments.data)))
    if arguments.full:
        return full_doctor.measure(arguments, source, findings)
    if arguments.json:
        text = json.dumps([finding.as_dict() for finding in findings], indent=2) + "\n"
    else:
        text = "".join(f"{finding}\n" for finding in findings)
    return 1 if not said(text) or any(finding.level == "missing" for finding in findings) else 0


def _source(folder: Path) -> str:
    """The address that `serve` would open; whatever else makes no sense in the settings, that camera can be looked at."""
    try:
        return Settings.load(folder).text("source")
    except SettingError:
        return os.environ.get(ROWS["source"].variable, str(ROWS["source"].default))


def _webrtc_lacks() -> list[str]:
    """Raises `ImportError` where aiortc cannot be loaded; that, too, is for the doctor to say."""
    from pi_cam.transport import webrtc_seam

    return webrtc_seam.missing()


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence. (The parsers of commands are made by their parent, and so of this class, too.)"""

    def error(self, message: str) -> NoReturn:
        """Exit status 2."""
        self.exit(2, f"pi-cam: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="pi-cam", description="A connected camera that a person owns.")
    parser.add_argument("--version", action="version", version=f"pi-cam {pi_cam.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = _command(commands, "serve", _serve, "show the camera to browsers")
    serve.add_argument("--port", type=_port, default=8080, help="default 8080; 0 takes a free one")
    serve.add_argument("--source", metavar="URL", help="camera: (default), auto:, usb:, rtsp://…, http://…, file:…, …")
    serve.add_argument(
        "--listen", default="127.0.0.1", metavar="ADDR", help="default 127.0.0.1; any other address brings TLS"
    )
    serve.add_argument(
        "--tunnel-port", type=_port, metavar="N", help="a second port on 127.0.0.1, for a tunnel that ends here"
    )

    serve.add_argument(
        "--button",
        choices=("pins", "api"),
        default="pins",
        help="where the button is: on the header (default; which pin is a setting), or POST /api/v1/button, for trying",
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

    journal = commands.add_parser("journal", help="who did what").add_subparsers(required=True, metavar="ACTION")
    _command(journal, "verify", journal_commands.verify, "look whether a row was altered, removed or reordered")
    export = _command(journal, "export", journal_commands.export, "write all rows to standard output")
    export.add_argument("--format", choices=("json", "csv"), default="json", help="default json")
    text = "look whether what the portal shows (its export as JSON) is what this device sent"
    _command(journal, "compare", journal_commands.compare, text).add_argument("file", type=Path, metavar="FILE")

    text = "write all that the camera remembers, but the journal, into one encrypted file (- is standard output)"
    keep = _command(commands, "backup", keeping_commands.make_backup, text)
    keep.add_argument("file", metavar="FILE")
    text = "bring a backup back, in the place of all that is there (- is standard input, after the passphrase)"
    bring = _command(commands, "restore", keeping_commands.restore_backup, text)
    bring.add_argument("file", metavar="FILE")
    forget = _command(commands, "reset", keeping_commands.reset_camera, "make the camera forget everything")
    forget.add_argument("--yes", action="store_true", help="do not ask")
    forget.add_argument("--free-space", action="store_true", help="write over what was deleted earlier, too (slow)")

    update = commands.add_parser("update", help="new versions of pi-cam").add_subparsers(
        required=True, metavar="ACTION"
    )
    text = "install a signed update, and go back by itself if it does not work (- is standard input)"
    _command(update, "install", update_commands.install, text).add_argument("file", metavar="FILE")
    _command(update, "status", update_commands.status, "what runs, and how the last update went")

    doctor = _command(commands, "doctor", _doctor, "look whether all that is needed is there")
    doctor.add_argument("--json", action="store_true", help="for programs")
    text = "measure camera, sound, button, Wi-Fi, warmth and memory, too (a minute), and write a report"
    doctor.add_argument("--full", action="store_true", help=text)
    text = f"where --full writes it (default {full_doctor.REPORT}; - is standard output)"
    doctor.add_argument("--report", metavar="FILE", help=text)
    text = "with --full: nobody is there to press the button, or to listen"
    doctor.add_argument("--no-questions", action="store_true", help=text)
    doctor.add_argument("--source", metavar="URL", help="the camera to look at; as in serve")
    return parser


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    function: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--data", type=_folder, default=DEFAULT_FOLDER, metavar="DIR", help=f"default {DEFAULT_FOLDER}")
    parser.set_defaults(command=function)
    return parser


def _folder(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError("name the data folder")
    return Path(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
