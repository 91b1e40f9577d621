"""The second step of signing in, and turning second factors on and off."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, jsonify, make_response, redirect, request, session
from sqlalchemy import select
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as BaseResponse

from web.portal.accounts import factors, guesses, letters, passkeys, people
from web.portal.accounts.entry import PENDING, form_page, own_path, welcome
from web.portal.accounts.models import User
from web.portal.accounts.people import person
from web.portal.database import db
from web.portal.errors import NotFound, NotSignedIn, TooManyTries
from web.portal.rendering import render
from web.portal.rules import prove, rule
from web.portal.services import services
from web.portal.throttle import by_address

blueprint = Blueprint("factors", __name__)

ENROLLING = "enrolling"
BEGIN_AGAIN = "That took too long. Please sign in again."


@blueprint.get("/signin/code")
@rule("public")
def code_page() -> str | BaseResponse:
    """After the right password, where there is a second factor."""
    return render("portal/code.html") if _pending() else redirect("/signin", 303)


@blueprint.post("/signin/code")
@rule("public")
@by_address
def give_code() -> BaseResponse:
    """Of the app, or a recovery code."""
    waiting = _pending()
    if waiting is None:
        flash(BEGIN_AGAIN, "bad")
        return redirect("/signin", 303)
    user, remember, onward = waiting
    try:
        factors.prove_code(user, request.form.get("code", ""))
    except (NotSignedIn, TooManyTries) as error:
        return form_page("portal/code.html", error)
    return welcome(user, remember=remember, onward=onward)


@blueprint.post("/signin/passkey/options")
@rule("public")
@by_address
def passkey_options() -> Response:
    """What an authenticator is to sign."""
    return jsonify(passkeys.options_to_prove("signin"))


@blueprint.post("/signin/passkey")
@rule("public")
@by_address
def sign_in_by_passkey() -> Response:
    """Instead of address, password and code."""
    said = _body()
    user = passkeys.owner_of(said["credential"], "signin")
    onward = own_path(said.get("next") if isinstance(said.get("next"), str) else None)
    people.sign_in(user, remember=False)
    response = jsonify(next=onward)
    guesses.remember_browser(response, user)
    return response


@blueprint.post("/verify/passkey/options")
@rule("person")
def verify_options() -> Response:
    """What one of this person's authenticators is to sign."""
    return jsonify(passkeys.options_to_prove("verify", person()))


@blueprint.post("/verify/passkey")
@rule("person")
def verify_by_passkey() -> Response:
    """Proves once more who it is."""
    said = _body()
    passkeys.owner_of(said["credential"], "verify", person())
    prove()
    return jsonify(next=own_path(said.get("next") if isinstance(said.get("next"), str) else None))


@blueprint.get("/account/second-factor")
@rule("fresh")
def second_factor_page() -> str | BaseResponse:
    """The secret for an authenticator app, as a picture and in letters."""
    if person().totp_secret:
        return redirect("/account#second-factor", 303)
    session[ENROLLING] = session.get(ENROLLING) or factors.new_secret()
    return _enrolment()


@blueprint.post("/account/second-factor")
@rule("fresh")
def turn_on() -> BaseResponse:
    """With the app's first code."""
    user, sealed = person(), session.get(ENROLLING)
    if user.totp_secret or not sealed:
        return redirect("/account/second-factor", 303)
    try:
        guesses.attempt_code(user)
        codes = factors.turn_on(user, sealed, request.form.get("code", ""))
    except (NotSignedIn, TooManyTries) as error:
        return form_page("portal/second_factor.html", error, **_shown())
    db.session.commit()
    guesses.forget_codes(user)
    session.pop(ENROLLING, None)
    letters.notify(letters.compose("factors.txt", user.language, user.email))
    return make_response(render("portal/recovery_codes.html", codes=codes))


@blueprint.post("/account/second-factor/off")
@rule("fresh")
def turn_off() -> BaseResponse:
    """The password alone signs in then."""
    user = person()
    factors.turn_off(user)
    db.session.commit()
    letters.notify(letters.compose("factors.txt", user.language, user.email))
    flash("The second factor is off.", "good")
    return redirect("/account", 303)


@blueprint.post("/account/recovery-codes")
@rule("fresh")
def new_codes() -> str | BaseResponse:
    """Those before are worth nothing from then on."""
    user = person()
    if not user.totp_secret:
        return redirect("/account#second-factor", 303)
    codes = factors.renew_codes(user)
    db.session.commit()
    return render("portal/recovery_codes.html", codes=codes)


@blueprint.post("/account/passkeys/options")
@rule("fresh")
def options_to_add() -> Response:
    """What a new authenticator is to sign."""
    return jsonify(passkeys.options_to_add(person()))


@blueprint.post("/account/passkeys")
@rule("fresh")
def add_passkey() -> Response:
    """By its answer."""
    said, user = _body(), person()
    passkeys.add(user, said["name"] if isinstance(said.get("name"), str) else "", said["credential"])
    letters.notify(letters.compose("factors.txt", user.language, user.email))
    return jsonify(next="/account#passkeys")


@blueprint.post("/account/passkeys/<int:passkey>/remove")
@rule("fresh")
def remove_passkey(passkey: int) -> BaseResponse:
    """One of one's own."""
    if not passkeys.remove(person().id, passkey):
        raise NotFound("There is no such passkey.")
    letters.notify(letters.compose("factors.txt", person().language, person().email))
    return redirect("/account#passkeys", 303)


def _pending() -> tuple[User, bool, str] | None:
    """Whose password was right a moment ago in this browser, whether to stay signed in, and where to go on."""
    said = session.get(PENDING)
    if not isinstance(said, dict) or said["until"] < services().clock().timestamp():
        return None
    user = db.session.execute(select(User).where(User.fs_uniquifier == said["user"])).scalar_one_or_none()
    return (user, said["remember"], said["next"]) if user is not None and user.active else None


def _enrolment() -> str:
    return render("portal/second_factor.html", **_shown())


def _shown() -> dict[str, Any]:
    user, sealed = person(), session[ENROLLING]
    return {"picture": factors.picture(user, sealed), "secret": factors.readable(sealed)}


def _body() -> dict[str, Any]:
    try:
        said = request.get_json()
    except RecursionError:  # brackets in brackets in brackets
        raise BadRequest from None
    if not isinstance(said, dict) or not isinstance(said.get("credential"), dict):
        raise BadRequest
    return said
