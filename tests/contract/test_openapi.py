"""The API's own description: valid, complete, and true when somebody tries everything that it allows and forbids."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import SerializationContext
from schemathesis.checks import CHECKS
from schemathesis.core.errors import InvalidSchema
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from pi_cam.api import openapi
from tests.contract.application import Application, running

EXAMPLES = 12
MEANT = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "unsupported_method",
    "ignored_auth",
)
"""Checks that hold here. The others ask for refusals that HTTP leaves open (an unknown header or query is ignored)."""


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def as_text(context: SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("described")) as application:
        application.owner()
        yield application


@pytest.fixture(scope="module")
def description(application: Application) -> dict[str, Any]:
    response = application.client().get("/api/v1/openapi.json")
    assert response.status_code == 200
    found: dict[str, Any] = response.get_json()
    return found


def test_it_is_valid_openapi_3_1(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1")
    try:
        schemathesis.openapi.from_dict(description).validate()
    except InvalidSchema as error:
        pytest.fail(str(error))


def test_every_route_is_in_it_with_each_method(application: Application, description: dict[str, Any]) -> None:
    for url_rule in application.flask.url_map.iter_rules():
        path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", url_rule.rule)
        methods = (url_rule.methods or set()) - {"HEAD", "OPTIONS"} or {"OPTIONS"}
        for method in methods:
            operation = description["paths"][path][method.lower()]
            assert operation["summary"]
            assert operation["responses"]


def test_every_reference_leads_somewhere(description: dict[str, Any]) -> None:
    for reference in re.findall(r"'\$ref': '#/([^']+)'", str(description)):
        place: Any = description
        for step in reference.split("/"):
            place = place[step]


def test_what_needs_credentials_says_which(application: Application, description: dict[str, Any]) -> None:
    paths = description["paths"]
    assert paths["/api/v1/cameras"]["get"]["security"] == [{"token": []}, {"session": []}]
    assert paths["/whep/{camera_id}"]["post"]["security"] == [{"token": []}]
    assert "security" not in paths["/healthz"]["get"]
    assert set(description["components"]["securitySchemes"]) == {"token", "session"}
    assert openapi.build(application.flask) == description


@pytest.mark.parametrize("who", ["nobody", "view token", "token"])
def test_it_is_true(application: Application, who: str) -> None:
    """Well-made and ill-made requests to each operation: no status that is not described, no failure of the server."""
    capabilities = {"view token": ("view",), "token": ("view", "control", "configure")}.get(who)
    headers = application.token(*capabilities) if capabilities else {}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application.flask)
    checks: list[Any] = [CHECKS.get_one(name) for name in MEANT if capabilities or name != "ignored_auth"]
    tried = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        cases = operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(GenerationMode.NEGATIVE)

        @hypothesis.settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=cases)
        def attempt(case: schemathesis.Case[Any]) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(headers=headers, checks=checks)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", hypothesis.errors.NonInteractiveExampleWarning)
            attempt()
    assert tried > 100


def test_the_answer_to_a_body_of_another_kind_is_described(
    application: Application, description: dict[str, Any]
) -> None:
    headers = application.token("view", "control")
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            if method != "parameters" and "requestBody" in operation:
                address = re.sub(r"{\w+}", "main", path)
                response = application.client().open(
                    address, method=method.upper(), data=b"\xff", content_type="text/x-other", headers=headers
                )
                assert str(response.status_code) in operation["responses"], f"{method} {path}: {response.status_code}"
