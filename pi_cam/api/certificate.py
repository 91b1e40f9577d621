"""Why a browser warns on the first visit, and what a person can do about it."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding
from flask import Blueprint, Response

from pi_cam.api import arrival
from pi_cam.api.pages.rendering import HTML, render
from pi_cam.api.rules import rule
from pi_cam.api.services import services

blueprint = Blueprint("certificate", __name__)

CA = "application/x-x509-ca-cert"


@blueprint.app_context_processor
def certificate_link() -> dict[str, bool]:
    """For the sign-in page."""
    return {"own_authority": arrival.own_authority()}


@blueprint.get("/certificate")
@rule("About this camera's certificate", "public", {200: HTML}, lan_only=True)
def explain() -> str:
    """With the authority's fingerprint."""
    return render("certificate.html", fingerprint=services().certificates.fingerprint())


@blueprint.get("/ca.crt")
@rule("This camera's certificate authority", "public", {200: CA}, lan_only=True)
def download() -> Response:
    """DER, which every system takes (RFC 5280)."""
    der = services().certificates.authority().public_bytes(Encoding.DER)
    response = Response(der, mimetype=CA)
    response.headers["Content-Disposition"] = 'attachment; filename="pi-cam-ca.crt"'
    return response
