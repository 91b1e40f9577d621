"""The way in: signing up, confirming, signing in and out, the language."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, request, session
from flask_login import current_user
from flask_security.utils import logout_user
from werkzeug.wrappers import Response as BaseResponse

from web.portal import mail
from web.portal.accounts import addresses, guesses, letters, links, people
from web.portal.accounts.models import User
from web.portal.database import db
from web.portal.errors import NotSignedIn, PortalError, Refused, TooManyTries
from web.portal.problems import said, status_of
from web.portal.rendering import LANGUAGE_COOKIE, language, render, signed_in
from web.portal.rules import rule
from web.portal.services import services
from web.portal.throttle import by_address
from web.ui import texts

blueprint = Blueprint("entry", __name__)

YEAR_SECONDS = 365 * 24 * 3600
PENDING, PENDING_SECONDS = "pending", 300.0
"""Where the session notes for a while that a password was right and a code is still to come."""
ASKED = "If this address has an account that waits for it, a mail is under way. Look into the spam folder, too."


@blueprint.get("/")
@rule("public")
def start() -> BaseResponse:
    """Where one goes first."""
    return redirect("/account" if signed_in() else "/signin", 303)


@blueprint.get("/signup")
@rule("public")
def signup() -> str | BaseResponse:
    """Asks for an address and a password."""
    return redirect("/account", 303) if signed_in() else render("portal/signup.html", email="")


@blueprint.post("/signup")
@rule("public")
@by_address
def create_account() -> BaseResponse:
    """The same answer whether or not the address has an account; the mail differs."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        email = addresses.normalised(email)
        people.check_password(password, email)
    except Refused as error:
        return form_page("portal/signup.html", error, email=email[: addresses.MAX_LENGTH])
    line = mail.open_line(services().post)
    spoken = language()
    user, waiting = people.sign_up(email, password, spoken)
    if waiting:
        message = letters.compose("confirm.txt", spoken, email, link=links.make("confirm", user, "/confirm/%s"))
    else:
        message = letters.compose("known.txt", user.language, email)
    letters.send(line, message)
    return make_response(render("portal/sent.html", email=email))


@blueprint.get("/confirm")
@rule("public")
def ask_again() -> str:
    """Asks where the mail is to go once more."""
    return render("portal/confirm_again.html")


@blueprint.post("/confirm")
@rule("public")
@by_address
def send_again() -> BaseResponse:
    """The same answer for every address."""
    try:
        email = addresses.normalised(request.form.get("email", ""))
    except Refused as error:
        return form_page("portal/confirm_again.html", error)
    line = mail.open_line(services().post)
    user = people.find(email)
    link = links.make("confirm", user, "/confirm/%s")
    message = letters.compose("confirm.txt", user.language if user else language(), email, link=link)
    letters.send(line, message, meant=user is not None and user.confirmed_at is None)
    flash(ASKED, "good")
    return redirect("/signin", 303)


@blueprint.get("/confirm/<token>")
@rule("public")
def confirm_page(token: str) -> BaseResponse:
    """Asks for the password: who only reads the mail, or follows links in it by machine, confirms nothing."""
    try:
        user, _ = links.owner("confirm", token)
    except links.BadLink as error:
        return form_page("portal/bad_link.html", error, again="/confirm")
    return make_response(render("portal/confirm.html", email=user.email))


@blueprint.post("/confirm/<token>")
@rule("public")
@by_address
def confirm(token: str) -> BaseResponse:
    """The mail and the password are one person's: the account is theirs, and they are signed in."""
    try:
        user, _ = links.owner("confirm", token)
    except links.BadLink as error:
        return form_page("portal/bad_link.html", error, again="/confirm")
    try:
        people.prove_password(user, user.email, request.form.get("password", ""), "The password is wrong.")
    except (NotSignedIn, TooManyTries) as error:
        return form_page("portal/confirm.html", error, email=user.email)
    if user.confirmed_at is None:
        user.confirmed_at = services().clock()
        db.session.commit()
    return welcome(user, remember=False, onward="/account")


@blueprint.get("/signin")
@rule("public")
def signin() -> str | BaseResponse:
    """By password or passkey."""
    if signed_in():
        return redirect(own_path(request.args.get("next")), 303)
    return render("portal/signin.html", email="", onward=own_path(request.args.get("next")))


@blueprint.post("/signin")
@rule("public")
@by_address
def sign_in() -> BaseResponse:
    """Address and password; where there is a second factor, then a code."""
    form = request.form
    typed, onward = form.get("email", "")[: addresses.MAX_LENGTH], own_path(form.get("next"))
    try:
        email = addresses.normalised(typed)
    except Refused:
        email = typed.strip().lower()
    try:
        user = people.prove_password(people.find(email), email, form.get("password", ""))
    except (NotSignedIn, TooManyTries) as error:
        return form_page("portal/signin.html", error, email=typed, onward=onward)
    remember = "remember" in form
    if user.confirmed_at is None:
        people.forgive(user)
        flash("Your address is not confirmed yet. Open the link in the mail that we sent, or ask for another.", "bad")
        return redirect("/confirm", 303)
    if user.totp_secret:
        until = services().clock().timestamp() + PENDING_SECONDS
        session[PENDING] = {"user": user.fs_uniquifier, "remember": remember, "next": onward, "until": until}
        return redirect("/signin/code", 303)
    return welcome(user, remember=remember, onward=onward)


@blueprint.post("/signout")
@rule("public")
def sign_out() -> BaseResponse:
    """Ends this sign-in."""
    logout_user()
    session.clear()
    return redirect("/signin", 303)


@blueprint.post("/language")
@rule("public")
def choose_language() -> BaseResponse:
    """Kept in a cookie, and with the account, for mails."""
    response = redirect(own_path(request.form.get("next")), 303)
    chosen = texts.choose_language(None, request.form.get("language"))
    if signed_in():
        current_user.language = chosen
        db.session.commit()
    response.set_cookie(
        LANGUAGE_COOKIE,
        chosen,
        max_age=YEAR_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=services().settings.secure,
    )
    return response


@blueprint.get("/healthz")
@rule("public")
def alive() -> dict[str, str]:
    """For whoever watches over the server; the database is not asked."""
    return {"status": "ok"}


@blueprint.get("/.well-known/security.txt")
@rule("public")
def security_contact() -> Response:
    """Where a fault is reported (RFC 9116)."""
    expires = services().clock() + timedelta(days=180)
    lines = (
        f"Contact: {services().settings.contact}",
        f"Expires: {expires:%Y-%m-%dT00:00:00Z}",
        f"Canonical: {services().settings.url}/.well-known/security.txt",
        "Preferred-Languages: en, fr",
    )
    return Response("".join(f"{line}\n" for line in lines), content_type="text/plain; charset=utf-8")


def welcome(user: User, *, remember: bool, onward: str) -> Response:
    """Signs in and goes on."""
    people.forgive(user)
    people.sign_in(user, remember=remember)
    response = make_response(redirect(onward, 303))
    guesses.remember_browser(response, user)
    return response


def form_page(template: str, error: PortalError, **values: Any) -> Response:
    """The form once more, with what was wrong."""
    response = make_response(render(template, error=said(error), **values), status_of(error))
    if isinstance(error, TooManyTries):
        response.headers["Retry-After"] = str(int(error.retry_after_seconds) + 1)
    return response


def own_path(path: str | None) -> str:
    """Where to go on, never to another site."""
    ours = path and path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if path and ours else "/account"
