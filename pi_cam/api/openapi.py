"""OpenAPI 3.1, made from the rules of the URL map."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema

import pi_cam
from pi_cam.api.rules import Rule, rule_of
from pi_cam.api.schemas import ProblemSchema

PROBLEM = "application/problem+json"


def build(app: Flask, cookie: str = "sid") -> dict[str, Any]:
    """The document. Every rule of the URL map is in it. `cookie`: the session's name here."""
    spec = APISpec(
        title="Caméra Connectée",
        version=pi_cam.__version__,
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin()],
        info={"license": {"name": "Apache-2.0"}},
    )
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    spec.components.security_scheme("session", {"type": "apiKey", "in": "cookie", "name": cookie})
    for url_rule in app.url_map.iter_rules():
        rule = rule_of(app.view_functions[url_rule.endpoint])
        if rule is None:
            continue  # closed, and a test fails
        path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", url_rule.rule)
        methods = (url_rule.methods or set()) - {"HEAD", "OPTIONS"} or {"OPTIONS"}
        parameters = [
            {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
            for name in sorted(url_rule.arguments)
        ]
        operations = {method.lower(): _operation(rule, method, bool(parameters)) for method in sorted(methods)}
        spec.path(path, operations=operations, parameters=parameters)
    return spec.to_dict()


def _operation(rule: Rule, method: str, has_arguments: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {"summary": rule.summary, "responses": {}}
    for status, shape in rule.answers.items():
        operation["responses"][str(status)] = _answer(status, shape)
    for status in _common_statuses(rule, method, has_arguments) - set(rule.answers):
        operation["responses"][str(status)] = _answer(status, None)
    if rule.body is not None and method not in ("GET", "OPTIONS"):
        operation["requestBody"] = {"required": True, "content": _content(rule.body)}
    if rule.query is not None:
        operation["parameters"] = [{"in": "query", "schema": rule.query}]
    if rule.access not in ("public", "setup"):
        operation["security"] = [{"token": []}] if rule.bearer_only else [{"token": []}, {"session": []}]
    return operation


def _common_statuses(rule: Rule, method: str, has_arguments: bool) -> set[int]:
    statuses: set[int] = {404} if has_arguments else set()
    if rule.access != "public":
        statuses |= {401, 403, 503}
        if "text/html" in rule.answers.values():
            statuses.add(302)  # to the sign-in page
    if method not in ("GET", "OPTIONS"):
        statuses |= {400, 403, 413}
        if rule.body is not None:
            statuses |= {415, 422, 503}
    if rule.query is not None:
        statuses |= {422}
    if rule.websocket:
        statuses |= {400, 403}
    return statuses


def _answer(status: int, shape: type[Schema] | str | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if shape is not None:
        answer["content"] = _content(shape)
    elif status >= 400:
        answer["content"] = {PROBLEM: {"schema": ProblemSchema}, "text/html": {"schema": {"type": "string"}}}
    return answer


def _content(shape: type[Schema] | str) -> dict[str, Any]:
    if isinstance(shape, str):
        free = ("image/", "application/octet", "application/json")
        return {one: {"schema": {} if one.startswith(free) else {"type": "string"}} for one in shape.split(", ")}
    return {"application/json": {"schema": shape}}
