"""A person's own account: what it is, where it is signed in, password and address, taking it along, ending it."""

from __future__ import annotations

import json
import logging

from flask import Blueprint, Response, flash, redirect, request, session
from flask_security.utils import logout_user
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response as BaseResponse

from web import browsers
from web.portal import mail, throttle
from web.portal.accounts import addresses, export, factors, guesses, letters, links, passkeys, people, sessions
from web.portal.accounts.entry import form_page, own_path
from web.portal.accounts.models import User
from web.portal.accounts.people import person
from web.portal.accounts.sessions import REMEMBER_KEY
from web.portal.database import db
from web.portal.errors import NotFound, NotSignedIn, Refused, TooManyTries
from web.portal.rendering import render
from web.portal.rules import prove, rule
from web.portal.services import services

blueprint = Blueprint("account", __name__)
log = logging.getLogger(__name__)

GONE_ELSEWHERE = "There is no such sign-in any more."


@blueprint.get("/account")
@rule("person")
def account() -> str:
    """All of it on one page."""
    user, here = person(), people.own_session().row
    return render(
        "portal/account.html",
        sign_ins=sessions.list_of(user.id, services().clock()),
        named=browsers.named,
        current=here.id if here else None,
        codes_left=factors.codes_left(user.id),
        passkeys=passkeys.list_of(user.id),
    )


@blueprint.post("/account/sign-ins/<int:sign_in>/end")
@rule("person")
def end_sign_in(sign_in: int) -> BaseResponse:
    """One of one's own, elsewhere or here."""
    if not sessions.revoke(person().id, sign_in, services().clock()):
        raise NotFound(GONE_ELSEWHERE)
    services().renewed(person().id)  # what was opened from there ends, too
    db.session.commit()
    return redirect("/account#sign-ins", 303)


@blueprint.post("/account/mails")
@rule("person")
def choose_mails() -> BaseResponse:
    """Whether to write when a camera goes away, and when it is back."""
    person().mail_outages = "outages" in request.form
    db.session.commit()
    flash("Your choice is kept.", "good")
    return redirect("/account#mails", 303)


@blueprint.get("/account/password")
@rule("person")
def password_page() -> str:
    """Asks for the present and the new one."""
    return render("portal/password.html")


@blueprint.post("/account/password")
@rule("person")
def change_password() -> BaseResponse:
    """All other sign-ins end."""
    user, new = person(), request.form.get("password", "")
    try:
        people.check_password(new, user.email)
        people.prove_password(user, user.email, request.form.get("current", ""), people.WRONG_PASSWORD)
    except (Refused, NotSignedIn, TooManyTries) as error:
        return form_page("portal/password.html", error)
    people.forgive(user)
    people.set_password(user, new)
    db.session.commit()
    _sign_in_anew(user)
    letters.notify(letters.compose("changed.txt", user.language, user.email))
    flash("The password is changed. All your other sign-ins have ended.", "good")
    return redirect("/account", 303)


@blueprint.get("/account/email")
@rule("fresh")
def email_page() -> str:
    """Asks for the new address."""
    return render("portal/email.html", email="")


@blueprint.post("/account/email")
@rule("fresh")
@throttle.by_address
def ask_new_email() -> BaseResponse:
    """Writes to the new address; nothing changes until its link is opened. Says the same of one that somebody else has."""
    user = person()
    try:
        email = addresses.normalised(request.form.get("email", ""))
    except Refused as error:
        return form_page("portal/email.html", error, email=request.form.get("email", "")[: addresses.MAX_LENGTH])
    line = mail.open_line(services().post)
    link = links.make("email", user, "/account/email/%s", email)
    message = letters.compose("new_address.txt", user.language, email, link=link)
    letters.send(line, message, meant=people.find(email) is None)
    flash("If it can be used, a mail is under way to the new address. Open its link in this browser.", "good")
    return redirect("/account", 303)


@blueprint.get("/account/email/<token>")
@rule("person")
def new_email_page(token: str) -> BaseResponse:
    """Asks whether to; changes nothing."""
    try:
        return Response(render("portal/new_email.html", email=_new_email(token)))
    except links.BadLink as error:
        return form_page("portal/bad_link.html", error, again="/account/email")


@blueprint.post("/account/email/<token>")
@rule("person")
def change_email(token: str) -> BaseResponse:
    """All other sign-ins end; the old address is told."""
    user = person()
    old = user.email
    try:
        user.email = _new_email(token)
        people.renew(user)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return form_page("portal/bad_link.html", links.BadLink(links.WORN), again="/account/email")
    except links.BadLink as error:
        return form_page("portal/bad_link.html", error, again="/account/email")
    _sign_in_anew(user)
    letters.notify(letters.compose("moved.txt", user.language, old, new=user.email))
    flash("The address is changed. All your other sign-ins have ended.", "good")
    return redirect("/account", 303)


@blueprint.get("/account/export")
@rule("fresh")
def take_along() -> Response:
    """All that the portal keeps of this person, but for the journal, as a file."""
    text = json.dumps(export.of(person()), indent=2, ensure_ascii=False)
    response = Response(text, mimetype="application/json")
    response.headers["Content-Disposition"] = "attachment; filename=camera-connectee-account.json"
    return response


@blueprint.get("/account/delete")
@rule("fresh")
def delete_page() -> str:
    """Asks for the password."""
    return render("portal/delete.html")


@blueprint.post("/account/delete")
@rule("fresh")
def delete() -> BaseResponse:
    """What belongs to the person goes with them."""
    user = person()
    try:
        people.prove_password(user, user.email, request.form.get("password", ""), people.WRONG_PASSWORD)
    except (NotSignedIn, TooManyTries) as error:
        return form_page("portal/delete.html", error)
    farewell = letters.compose("farewell.txt", user.language, user.email)
    people.forgive(user)
    guesses.forget_codes(user)
    log.info("user %d deletes their account from %s", user.id, request.remote_addr)
    people.delete_account(user)
    db.session.commit()
    logout_user()
    session.clear()
    letters.notify(farewell)
    flash("Your account and all that belonged to it are gone.", "good")
    return redirect("/signin", 303)


@blueprint.get("/verify")
@rule("person")
def verify_page() -> str:
    """Asks again who it is, before something that matters."""
    return render("portal/verify.html", onward=_onward())


@blueprint.post("/verify")
@rule("person")
def verify() -> BaseResponse:
    """By password, and code where there is a second factor."""
    user = person()
    try:
        people.prove_password(user, user.email, request.form.get("password", ""), people.WRONG_PASSWORD)
        if user.totp_secret:
            factors.prove_code(user, request.form.get("code", ""))
    except (NotSignedIn, TooManyTries) as error:
        return form_page("portal/verify.html", error, onward=_onward())
    people.forgive(user)
    prove()
    return redirect(_onward(), 303)


def _onward() -> str:
    return own_path(request.values.get("next"))


def _new_email(token: str) -> str:
    owner, email = links.owner("email", token)
    if owner.id != person().id:
        raise links.BadLink(links.WORN)
    return email


def _sign_in_anew(user: User) -> None:
    """This browser stays in, with a new secret."""
    people.sign_in(user, remember=bool(session.get(REMEMBER_KEY)))
