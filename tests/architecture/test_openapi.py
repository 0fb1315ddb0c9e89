"""The OpenAPI document is whole: every route declares what it takes and answers, with samples that fit."""

import re

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import SecretStr

from services.gateway import wiring as gateway
from services.ingest import wiring as ingest
from shared.config import Settings
from shared.engines import open_engines
from shared.web.app import create_app
from shared.web.contract import contract_of

OPERATORS = {"health", "documentation", "console", "openapi"}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    engines = open_engines(Settings(data=tmp_path_factory.mktemp("data"), signing_key=SecretStr("k" * 40)))
    blueprints = [*ingest.build(engines).blueprints, *gateway.build(engines).blueprints]
    yield create_app("test", engines, blueprints, {})
    engines.close()


@pytest.fixture(scope="module")
def spec(app):
    with app.test_request_context():
        return app.spec


def operations(spec):
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def resolved(spec, schema):
    return {**schema, "components": spec["components"]}


def contents(spec):
    for name, operation in operations(spec):
        for status, response in operation["responses"].items():
            yield f"{name} {status}", response.get("content", {})
        if "requestBody" in operation:
            yield f"{name} body", operation["requestBody"]["content"]


def test_every_route_declares_its_contract(app):
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.split(".")[0] not in OPERATORS]
    assert [] == [rule.rule for rule in rules if contract_of(app, rule.endpoint) is None]


def test_the_document_is_openapi_3_1(spec):
    OpenAPIV31SpecValidator(spec).validate()


def test_every_answer_has_a_schema_and_every_json_one_a_sample_that_fits_it(spec):
    for name, content in contents(spec):
        for media, told in content.items():
            assert "schema" in told, name
            if "example" in told:
                Draft202012Validator(resolved(spec, told["schema"])).validate(told["example"])
            else:
                assert media != "application/problem+json", name


def test_every_post_and_put_with_a_body_says_which(spec, app):
    silent = [
        name for name, operation in operations(spec) if name.startswith("POST") and "requestBody" not in operation
    ]
    # Publishing and work on the graph need no words; and one click's form is RFC 8058's.
    work = {f"POST /v1/graph/{work}" for work in ("verify", "repair", "rebuild")}
    assert work | {"POST /v1/unsubscribe/{token}", "POST /v1/templates/{name}/versions/{version}/publish"} == set(
        silent
    )


def test_every_parameter_of_a_path_is_declared_and_every_other_is_told(spec):
    for name, operation in operations(spec):
        declared = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert set(re.findall(r"{(\w+)}", name)) == declared
        assert all(each.get("description") for each in operation["parameters"] if each["in"] != "path"), name


def test_every_operation_has_a_name_of_its_own_and_a_summary(spec):
    named = [operation["operationId"] for _, operation in operations(spec)]
    assert len(named) == len(set(named))
    assert all(operation["summary"] for _, operation in operations(spec))


def test_every_operation_with_a_scope_says_so_and_tells_its_refusals(spec):
    open_ones = {name for name, operation in operations(spec) if not operation["security"]}
    assert {"GET /v1/unsubscribe/{token}", "POST /v1/unsubscribe/{token}"} == open_ones
    for name, operation in operations(spec):
        if name not in open_ones:
            assert {"401", "403", "500", "503"} <= set(operation["responses"]), name
