"""Errors as HTTP answers: problem details (RFC 9457) for programs, a page for people."""

from __future__ import annotations

import math
from collections.abc import Callable
from http import HTTPStatus

from flask import Flask, Response, jsonify, redirect, request
from werkzeug.exceptions import BadRequest, HTTPException, SecurityError
from werkzeug.wrappers import Response as BaseResponse

from pi_cam import errors
from pi_cam.setup_wizard.wifi import WifiError

STATUS: tuple[tuple[type[errors.PiCamError], int], ...] = (
    (errors.NotSignedIn, 401),
    (errors.NotAllowed, 403),
    (errors.NotFound, 404),
    (errors.CameraStopped, 409),
    (errors.Conflict, 409),
    (errors.OfferRefused, 422),
    (errors.UpdateRefused, 422),
    (errors.SettingError, 422),
    (errors.AddressRefused, 422),
    (errors.TooManyTries, 429),
    (errors.TooManyConnections, 429),
    (errors.TooManyViewers, 503),
    (errors.NoRelay, 503),
    (errors.NotReady, 503),
    (errors.ReleasesUnreachable, 503),
    (errors.PortalUnreachable, 503),
    (errors.PortalRefused, 502),
    (errors.SourceError, 503),
    (errors.MissingPart, 503),
    (errors.PictureTimeout, 503),
    (errors.StoreError, 503),
    (WifiError, 503),
)
"""The first row that fits decides."""

CODES = {
    errors.CameraPrivate: "privacy",
    errors.CameraStopped: "stopped",
    errors.TooManyConnections: "too-many-connections",
    errors.TooManyViewers: "too-many-viewers",
    errors.PictureTimeout: "no-picture",
    errors.SourceError: "unreachable",
    errors.NotSignedIn: "not-signed-in",
    errors.SecondFactorNeeded: "second-factor",
    errors.TooManyTries: "too-many-tries",
}

PASSED_ON = ("Allow", "Retry-After")
"""What an HTTP error of the framework may add to the answer."""

ErrorPage = Callable[[int, str, str], str]


def status_of(error: errors.PiCamError) -> int:
    """Its HTTP status."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def problem(status: int, detail: str, code: str | None = None) -> Response:
    """An `application/problem+json` answer."""
    answer = jsonify(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code or HTTPStatus(status).phrase.lower().replace(" ", "-"),
    )
    answer.status_code = status
    answer.mimetype = "application/problem+json"
    return answer


def for_program() -> bool:
    """Whether this request is a program's (and gets JSON) rather than a person's (who gets a page)."""
    return request.path.startswith(("/api/", "/whep", "/healthz", "/metrics"))


def install(app: Flask, page: ErrorPage) -> None:
    """Answers every error of the application. `page(status, title, detail)` makes the one for people."""

    def answer(status: int, detail: str, code: str | None = None) -> Response:
        if for_program():
            return problem(status, detail, code)
        return Response(page(status, HTTPStatus(status).phrase, detail), status, mimetype="text/html")

    @app.errorhandler(errors.PiCamError)
    def ours(error: errors.PiCamError) -> BaseResponse:
        status = status_of(error)
        if status == 401 and not for_program() and request.method in ("GET", "HEAD"):
            return redirect("/login")
        return with_advice(answer(status, str(error), _code_of(error)), error)

    @app.errorhandler(HTTPException)
    def werkzeug(error: HTTPException) -> BaseResponse:
        status = error.code or 500
        if status < 400:
            return error.get_response()
        if isinstance(error, SecurityError) and not for_program():
            return _bare_page(status)
        said = error.description if error.description != BadRequest.description else "This request makes no sense."
        response = answer(status, said or HTTPStatus(status).phrase)
        response.headers.extend((name, value) for name, value in error.get_headers() if name in PASSED_ON)
        return response

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> Response:
        app.logger.error("unforeseen error", exc_info=error)
        return answer(500, "Something went wrong here. The log of the camera says more.")


def _bare_page(status: int) -> Response:
    """For a request under a name that is not ours: no address can be built there, so no template can be used."""
    phrase = HTTPStatus(status).phrase
    text = f"<!doctype html><html lang=en><title>{phrase}</title><p>{phrase}: this camera has another name.</p></html>"
    return Response(text, status, mimetype="text/html")


def _code_of(error: errors.PiCamError) -> str | None:
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), None)


def with_advice(response: Response, error: errors.PiCamError) -> Response:
    """What to do about it: sign in, or wait."""
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    wait = getattr(error, "retry_after_seconds", 5 if response.status_code == 503 else None)
    if wait is not None:
        response.headers["Retry-After"] = str(math.ceil(wait))
    return response
