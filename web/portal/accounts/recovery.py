"""The way back for a forgotten password."""

from __future__ import annotations

from flask import Blueprint, flash, make_response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from web.portal import mail
from web.portal.accounts import addresses, letters, links, people
from web.portal.accounts.entry import form_page
from web.portal.database import db
from web.portal.errors import Refused
from web.portal.rendering import language, render
from web.portal.rules import rule
from web.portal.services import services
from web.portal.throttle import by_address

blueprint = Blueprint("recovery", __name__)

ASKED = "If this address has an account, a mail is under way. Look into the spam folder, too."


@blueprint.get("/forgot")
@rule("public")
def forgot() -> str:
    """Asks for the address."""
    return render("portal/forgot.html", email="")


@blueprint.post("/forgot")
@rule("public")
@by_address
def send_link() -> BaseResponse:
    """The same answer for every address."""
    try:
        email = addresses.normalised(request.form.get("email", ""))
    except Refused as error:
        return form_page("portal/forgot.html", error, email=request.form.get("email", "")[: addresses.MAX_LENGTH])
    line = mail.open_line(services().post)
    user = people.find(email)
    link = links.make("reset", user, "/reset/%s")
    message = letters.compose("reset.txt", user.language if user else language(), email, link=link)
    letters.send(line, message, meant=user is not None and user.active)
    flash(ASKED, "good")
    return redirect("/signin", 303)


@blueprint.get("/reset/<token>")
@rule("public")
def reset_page(token: str) -> BaseResponse:
    """Asks for a new password; changes nothing."""
    try:
        user, _ = links.owner("reset", token)
    except links.BadLink as error:
        return form_page("portal/bad_link.html", error, again="/forgot")
    return make_response(render("portal/reset.html", email=user.email))


@blueprint.post("/reset/<token>")
@rule("public")
@by_address
def reset(token: str) -> BaseResponse:
    """Ends every sign-in. The mail proves the address; a second factor is asked for as before."""
    try:
        user, _ = links.owner("reset", token)
    except links.BadLink as error:
        return form_page("portal/bad_link.html", error, again="/forgot")
    password = request.form.get("password", "")
    try:
        people.check_password(password, user.email)
    except Refused as error:
        return form_page("portal/reset.html", error, email=user.email)
    people.set_password(user, password)
    user.confirmed_at = user.confirmed_at or services().clock()
    db.session.commit()
    people.forgive(user)
    letters.notify(letters.compose("changed.txt", user.language, user.email))
    flash("The password is changed, and everybody is signed out. Sign in with the new one.", "good")
    return redirect("/signin", 303)
