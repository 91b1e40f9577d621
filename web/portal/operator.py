"""`python -m web.portal.operator COMMAND`: what whoever runs the portal does for people, and for the portal itself.

It reads the same environment as the portal. Nobody's data is shown; who is meant is said by their address, twice.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

from flask import Flask
from sqlalchemy import ColumnElement, distinct, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from web.portal import migrate, throttle
from web.portal.accounts import addresses, factors, guesses, letters, people
from web.portal.accounts.models import Passkey, SignIn, User
from web.portal.app import create_app
from web.portal.database import db
from web.portal.devices import epochs, signing
from web.portal.devices.models import Camera, Device, Invitation, Share
from web.portal.devices.pages import PRESENT_FOR
from web.portal.errors import MailUnavailable, NotFound, PortalError, Refused
from web.portal.services import services
from web.portal.settings import Settings, checked_secret, from_environment

SECRET_BEFORE = "PORTAL_SECRET_KEY_BEFORE"
DONE_UNSAID = "It is done, but the mail server did not take the mail: tell them yourself."

log = logging.getLogger(__name__)


def main(arguments: list[str], environment: Mapping[str, str], app: Flask | None = None) -> int:
    """Exit 2 for usage, 1 for what fails, each with one sentence on stderr."""
    asked = _parser().parse_args(arguments)
    try:
        settings = from_environment(environment)
        with (app or create_app(settings)).app_context():
            try:
                sys.stdout.write(_done(asked, environment))
            finally:
                db.session.rollback()
                db.engine.dispose()
    except PortalError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except SQLAlchemyError as error:
        sys.stderr.write(f"The database did not do this: {getattr(error, 'orig', None) or type(error).__name__}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="operator", description=str(__doc__).partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("counts", help="how much there is of everything; names nobody")
    for name, text in (
        ("clear-second-factor", "turns off the authenticator app of somebody who lost it, and writes to them"),
        ("close-account", "deletes an account and all that belongs to it, and writes to them"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("address", help="the e-mail address of the account")
    commands.add_parser(
        "sign-out-everybody", help="ends every sign-in, and what was opened on devices (after a restore)"
    )
    rotate = commands.add_parser("rotate-signing-key", help="makes a new key to sign with; devices fetch it")
    rotate.add_argument("--anyway", action="store_true", help="also when devices did not come for the present one yet")
    commands.add_parser(
        "reseal", help=f"carries on what was sealed with {SECRET_BEFORE}, under a new PORTAL_SECRET_KEY"
    )
    return parser


def _done(asked: argparse.Namespace, environment: Mapping[str, str]) -> str:
    """What is to be printed."""
    if asked.command in _FOR_PEOPLE:
        return _FOR_PEOPLE[asked.command](_meant(asked.address))
    if asked.command == "rotate-signing-key":
        return rotate_signing_key(despite_absent=asked.anyway)
    if asked.command == "reseal":
        return reseal(environment.get(SECRET_BEFORE, ""))
    return _FOR_ALL[asked.command]()


def counts() -> str:
    """A line for each kind of thing: its number and its name."""
    now = services().clock()
    rows = {
        "accounts": _count(User.id),
        "accounts that wait for their confirmation": _count(User.id, User.confirmed_at.is_(None)),
        "accounts with an authenticator app": _count(User.id, User.totp_secret.is_not(None)),
        "accounts with a passkey": _count(distinct(Passkey.user_id)),
        "browsers in which somebody is signed in": _count(
            SignIn.id, SignIn.revoked_at.is_(None), SignIn.expires_at > now
        ),
        "devices": _count(Device.id),
        "devices that are there now": _count(Device.id, Device.seen_at > now - PRESENT_FOR),
        "cameras": _count(Camera.camera),
        "people with whom something is shared": _count(distinct(Share.user_id)),
        "invitations that wait": _count(Invitation.device_id, Invitation.expires_at > now),
    }
    lines = [f"{number:8}  {what}" for what, number in rows.items()]
    newest = signing.newest()
    lines += [f"signing key: version {newest.version}, of {newest.created_at:%Y-%m-%d}"]
    lines += [f"tables: revision {migrate.state(db.engine) or 'base'}"]
    return "\n".join(lines) + "\n"


def clear_second_factor(user: User) -> str:
    """For somebody whose identity was checked in person. Their password stays; all their sign-ins end."""
    if user.totp_secret is None:
        raise Refused("This account has no authenticator app.")

    def change() -> None:
        _forget_guesses(user)
        factors.turn_off(user)
        people.end_everywhere(user)
        log.info("the operator turned off the second factor of user %d", user.id)

    return _with_mail(user, "cleared.txt", change, "The second factor is off, and the person was written to.")


def close_account(user: User) -> str:
    """With their devices, shares and sign-ins."""

    def change() -> None:
        _forget_guesses(user)
        log.info("the operator closed the account of user %d", user.id)
        people.delete_account(user)

    return _with_mail(user, "closed.txt", change, "The account is gone, and the person was written to.")


def sign_out_everybody() -> str:
    """After a backup was restored: what was ended since it was taken would be alive again."""
    now = services().clock()
    alive = select(SignIn.id).where(SignIn.revoked_at.is_(None), SignIn.expires_at > now)
    number = len(db.session.execute(alive).all())
    db.session.execute(update(SignIn).where(SignIn.revoked_at.is_(None)).values(revoked_at=now, data="{}"))
    epochs.raise_everywhere()
    db.session.commit()
    return f"{number} sign-ins have ended, and what was opened on devices ends now.\n"


def rotate_signing_key(*, despite_absent: bool) -> str:
    """Devices know the last two keys. Who has neither must be paired anew, so that nobody is left behind unasked."""
    newest = signing.newest()
    absent = _count(Device.id, (Device.seen_at.is_(None)) | (Device.seen_at <= newest.created_at))
    if newest.version > 1 and absent and not despite_absent:
        raise Refused(
            "%(number)s devices did not come for the present key yet, and would have to be paired anew after another. "
            "Wait for them, or say --anyway.",
            number=absent,
        )
    return f"The signing key is version {signing.rotate()} now. Devices fetch it within a minute.\n"


def reseal(secret_before: str) -> str:
    """Opens with the secret before what can be opened, and seals it with the present one; ends every sign-in. Passwords and
    recovery codes cannot be carried over: everybody chooses a new password by mail."""
    settings: Settings = services().settings
    before = replace(settings, secret=checked_secret(secret_before, SECRET_BEFORE))
    keys, apps = signing.reseal(before), factors.reseal(before)
    ended = sign_out_everybody()
    return f"{keys} signing keys and {apps} authenticator apps are carried over.\n{ended}"


_FOR_PEOPLE: dict[str, Callable[[User], str]] = {
    "clear-second-factor": clear_second_factor,
    "close-account": close_account,
}
_FOR_ALL: dict[str, Callable[[], str]] = {"counts": counts, "sign-out-everybody": sign_out_everybody}


def _with_mail(user: User, template: str, change: Callable[[], None], said: str) -> str:
    """Nothing is changed while no mail can be sent. Raises `MailUnavailable`."""
    line = services().post.open()
    try:
        message = letters.compose(template, user.language, user.email)
        change()
        db.session.commit()
        line.send(message)
    except MailUnavailable:
        raise MailUnavailable(DONE_UNSAID) from None
    finally:
        line.close()
    return f"{said}\n"


def _forget_guesses(user: User) -> None:
    guesses.forget_codes(user)
    throttle.succeeded(*guesses.account_key(user.email))


def _meant(address: str) -> User:
    """The account of this address, which is typed once more. Raises `Refused` and `NotFound`."""
    email = addresses.normalised(address)
    sys.stderr.write("Type the address once more to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().casefold() != address.strip().casefold():
        raise Refused("That is another address: nothing was changed.")
    user = people.find(email)
    if user is None:
        raise NotFound("Nobody has an account with this address.")
    return user


def _count(of: ColumnElement[object] | object, *conditions: ColumnElement[bool]) -> int:
    return db.session.execute(select(func.count(of)).where(*conditions)).scalar_one()  # type: ignore[arg-type]


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    sys.exit(main(sys.argv[1:], os.environ))
