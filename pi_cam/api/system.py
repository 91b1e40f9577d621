"""The device itself."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify

from pi_cam.api import openapi
from pi_cam.api.arrival import cookie_name
from pi_cam.api.rules import rule
from pi_cam.api.schemas import AnyObjectSchema, HealthSchema

blueprint = Blueprint("system", __name__)


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
