"""The device itself."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict
from importlib import metadata
from typing import Any

from flask import Blueprint, Response, current_app, jsonify
from marshmallow import Schema, fields, validate

import pi_cam
from pi_cam import about, logs
from pi_cam.api import openapi
from pi_cam.api.access import current_person, note
from pi_cam.api.arrival import cookie_name, is_secure, listener
from pi_cam.api.cameras import describe_all
from pi_cam.api.rules import rule
from pi_cam.api.schemas import AnyObjectSchema, HealthSchema
from pi_cam.api.services import services
from pi_cam.trust.capabilities import allowed
from pi_cam.updates import outcome
from pi_cam.updates.places import HERE

blueprint = Blueprint("system", __name__)

PACKAGES = (
    "aiortc",
    "av",
    "bcrypt",
    "cryptography",
    "flask",
    "gunicorn",
    "numpy",
    "picamera2",
    "pywebrtc-audio",
    "sounddevice",
    "webauthn",
)
FOR_CONFIGURE = {"description": "Null for who may not configure the device."}


class FindingSchema(Schema):
    """One line of the doctor."""

    name = fields.String(required=True)
    level = fields.String(required=True, validate=validate.OneOf(["ok", "optional", "missing"]))
    text = fields.String(required=True)
    remedy = fields.String(required=True, metadata={"description": "What to do; empty where nothing is to be done."})


class DoctorSchema(Schema):
    """All lines."""

    findings = fields.List(fields.Nested(FindingSchema), required=True)


class UpdateSchema(Schema):
    """How an update went."""

    result = fields.String(required=True, validate=validate.OneOf(outcome.RESULTS))
    version = fields.String(required=True, metadata={"description": "Empty where the update was not believed."})
    release = fields.Integer(required=True)
    reason = fields.String(required=True, metadata={"description": "A sentence; empty for one that is installed."})
    at = fields.Float(required=True, metadata={"description": "Seconds since 1970."})


class SystemSchema(Schema):
    """The device."""

    name = fields.String(required=True)
    model = fields.String(required=True)
    version = fields.String(required=True)
    support_until = fields.Date(required=True, metadata={"description": "The last day of security updates."})
    python = fields.String(required=True, allow_none=True, metadata=FOR_CONFIGURE)
    started_at = fields.Float(required=True, allow_none=True, metadata={"description": "Seconds since 1970."})
    uptime_seconds = fields.Float(required=True, allow_none=True)
    listener = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(["lan", "tunnel"]),
        metadata={"description": "Through which this request came."},
    )
    tls = fields.Boolean(required=True, allow_none=True, metadata={"description": "Whether the browser speaks it."})
    certificate_fingerprint = fields.String(
        required=True, allow_none=True, metadata={"description": "SHA-256 of the device's authority, where it is used."}
    )
    names = fields.List(
        fields.String(),
        required=True,
        allow_none=True,
        metadata={"description": "Under which it is found in the home's network now, where avahi answers for it."},
    )
    webrtc_sender = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(["shared", "plain"]),
        metadata={"description": "How browsers get their pictures: packets made once for all, or the library's own."},
    )
    problems = fields.List(fields.String(), required=True, allow_none=True)
    update = fields.Nested(
        UpdateSchema, required=True, allow_none=True, metadata={"description": "The last one; null before the first."}
    )


@blueprint.get("/healthz")
@rule("Alive", "public", {200: HealthSchema})
def health() -> Response:
    """Says that the server answers, and nothing else."""
    return jsonify(status="ok")


@blueprint.get("/api/v1/openapi.json")
@rule("This description", "public", {200: AnyObjectSchema})
def description() -> Response:
    """OpenAPI 3.1 of every route."""
    return jsonify(openapi.build(current_app, cookie_name()))


@blueprint.get("/api/v1/system")
@rule("This device", "person", {200: SystemSchema})
def show() -> Response:
    """What it is and how long it is looked after; the rest for who may configure it."""
    full = allowed(current_person(), "configure")
    return jsonify({name: value if full or name in FOR_ALL else None for name, value in described().items()})


@blueprint.get("/api/v1/system/doctor")
@rule("Look whether all is in order", "configure", {200: DoctorSchema})
def doctor() -> Response:
    """Takes some seconds; who asks again within five gets the same."""
    return jsonify(findings=findings())


@blueprint.get("/api/v1/system/report")
@rule("What helps to find a fault", "configure", {200: "application/json"})
def report() -> Response:
    """A file without secrets, to be sent to somebody who helps."""
    note("report-made")
    text = json.dumps(logs.blotted(_report()), indent=2, ensure_ascii=False)
    disposition = "attachment; filename=pi-cam-report.json"
    return Response(text, mimetype="application/json", headers={"Content-Disposition": disposition})


FOR_ALL = frozenset({"name", "model", "version", "support_until"})


def described() -> dict[str, Any]:
    """All of `SystemSchema`."""
    here = services()
    return {
        "name": socket.gethostname(),
        "model": about.model(),
        "version": pi_cam.__version__,
        "support_until": about.SUPPORT_UNTIL.isoformat(),
        "python": about.python(),
        "started_at": here.started.at,
        "uptime_seconds": round(here.started.seconds_ago(), 1),
        "listener": listener(),
        "tls": is_secure(),
        "certificate_fingerprint": here.certificates.fingerprint() if here.certificates.ends_at() else None,
        "names": list(here.discovery.names),
        "webrtc_sender": here.door.senders.kind,
        "problems": [*here.settings.problems(), *filter(None, [here.journal.problem(), here.certificates.own_problem])],
        "update": _update(),
    }


def _update() -> dict[str, Any] | None:
    last = outcome.Outcome.read(HERE.outcome)
    return asdict(last) if last else None


def findings() -> list[dict[str, str]]:
    """Of the doctor."""
    return [finding.as_dict() for finding in services().checkup.findings()]


def _report() -> dict[str, Any]:
    settings = services().settings
    return {
        "system": described(),
        "findings": findings(),
        "settings": settings.shown(),
        "cameras": describe_all(),
        "packages": {name: _version(name) for name in PACKAGES},
        "log": [json.loads(line) for line in logs.recent()],
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
