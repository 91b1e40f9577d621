"""Errors as answers: a page in words for people, JSON for our own scripts."""

from __future__ import annotations

import math
from http import HTTPStatus
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.wrappers import Response as BaseResponse

from web.portal import errors, typed
from web.portal.database import db
from web.portal.rendering import language, render, translator
from web.portal.rules import DATABASE_GONE, NotFresh, page_of_form

STATUS: tuple[tuple[type[errors.PortalError], int], ...] = (
    (errors.NotSignedIn, 401),
    (errors.NotAllowed, 403),
    (errors.NotFound, 404),
    (errors.Refused, 422),
    (errors.TooManyTries, 429),
    (errors.Unavailable, 503),
)
RETRY_SECONDS = 30
OUT_OF_DATE = "This form is out of date: load the page again."
TOO_MANY = "Too many attempts. Wait a moment, then try again."
NO_SENSE = "This request makes no sense."
TOO_LONG = "This is more than the portal takes at once."
DETAILS = {413: TOO_LONG, 429: TOO_MANY}
TITLES = {
    400: "Bad Request",
    401: "Sign in first.",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
"""Written down because Python's own differ from version to version, and the catalogues would not know them."""
UNFORESEEN = "Something went wrong here. It was written down, and nothing was changed."


def status_of(error: errors.PortalError) -> int:
    """Its HTTP status."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def said(error: errors.PortalError) -> str:
    """The error in the language of the present request."""
    return translator(language())(error.sentence, **error.values)


def answer(status: int, detail: str, retry_after: float | None = None, code: str = "") -> Response:
    """`detail`: a sentence in English, or one already translated. `code`: a word for programs."""
    if request.is_json:
        body: dict[str, object] = {"status": status, "detail": translator(language())(detail)}
        response = jsonify(body | ({"code": code} if code else {}))
        response.status_code = status
    else:
        title = TITLES.get(status, TITLES[400 if status < 500 else 500])
        page = render("portal/problem.html", status=status, title=title, detail=detail, bare=status >= 500)
        response = Response(page, status, mimetype="text/html")
    if retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(retry_after))
    return response


def install(app: Flask) -> None:
    """Answers every error of the application."""

    @app.errorhandler(errors.PortalError)
    def ours(error: errors.PortalError) -> BaseResponse:
        db.session.rollback()
        status = status_of(error)
        if status == 401 and not request.is_json:
            # A form that was sent cannot be sent again from there: back to the page that it stood on.
            form = page_of_form(app) if request.method == "POST" and isinstance(error, NotFresh) else ""
            if form:
                typed.keep(form)
            onward = request.full_path.rstrip("?") if request.method == "GET" else form or "/account"
            page = "/verify" if isinstance(error, NotFresh) else "/signin"
            return redirect(f"{page}?{urlencode({'next': onward})}", 303)
        wait = getattr(error, "retry_after_seconds", RETRY_SECONDS if status == 503 else None)
        return answer(status, said(error), wait, getattr(error, "code", ""))

    @app.errorhandler(OperationalError)
    @app.errorhandler(InterfaceError)
    @app.errorhandler(PoolTimeout)
    def database_gone(error: Exception) -> Response:
        db.session.rollback()
        app.logger.error("the database did not answer: %s", cause_of(error))
        return answer(503, DATABASE_GONE, RETRY_SECONDS)

    @app.errorhandler(CSRFError)
    def foreign_form(_error: CSRFError) -> Response:
        return answer(403, OUT_OF_DATE)

    @app.errorhandler(HTTPException)
    def werkzeug(error: HTTPException) -> BaseResponse:
        status = error.code or 500
        if status < 400:
            return error.get_response()
        if isinstance(error, SecurityError):
            return _bare_page(status)
        # The framework's own words only where the catalogues know them.
        detail = error.description if status in (404, 405) else DETAILS.get(status, NO_SENSE)
        response = answer(status, detail or NO_SENSE, 60 if status == 429 else None)
        response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
        return response

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> Response:
        db.session.rollback()
        app.logger.error("unforeseen error", exc_info=error)
        return answer(500, UNFORESEEN)


def cause_of(error: Exception) -> str:
    """The number and the words of the database, without the statement and its values."""
    return str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__


def _bare_page(status: int) -> Response:
    """For a request under a name that is not ours: no address can be built there, so no template can be used."""
    phrase = HTTPStatus(status).phrase
    text = f"<!doctype html><html lang=en><title>{phrase}</title><p>{phrase}: this portal has another name.</p></html>"
    return Response(text, status, mimetype="text/html")
