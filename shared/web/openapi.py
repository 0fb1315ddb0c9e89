"""The OpenAPI 3.1 document: APIFlask lists the routes, their contracts say the rest, and samples make it readable."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from flask import Flask
from pydantic import TypeAdapter

from shared.auth import Scope
from shared.web.contract import Answer, Contract, contract_of
from shared.web.guard import PUBLIC, scopes_of
from shared.web.limiting import QUOTA_EXCEEDED
from shared.web.problems import Problem
from shared.web.samples import sample

_REF = "#/components/schemas/{model}"
_PROBLEM = "application/problem+json"
_HEADERS = {
    "Location": "where the thing is",
    "Age": "of a degraded answer: how many seconds old the copy is",
    "Link": 'the next page: <…>; rel="next"',
    "Retry-After": "seconds after which it makes sense to ask again",
    "WWW-Authenticate": "what a credential needs (RFC 6750)",
    "Content-Disposition": "a name for the file",
    "Preference-Applied": "the preference that was heeded",
    "ETag": "names this very answer: sent back as If-None-Match it is answered 304 while nothing has changed",
    "RateLimit-Policy": 'the limits that count for this route: "read";q=6000;w=60 is 6000 in 60 seconds',
    "RateLimit": 'how they stand: "read";r=5999;t=1 leaves 5999, and all are back in a second',
}
_SENT = {
    "Idempotency-Key": "names the request: asked twice under one key, done once; kept for a day",
    "Prefer": "respond-async: 202 at once; wait=N: wait N seconds at most (RFC 7240)",
    "Last-Event-ID": "the id of the last event that was read",
}
_LIMITED = ("RateLimit-Policy", "RateLimit")
_OF_STATUS = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, tg_…; its scopes: " + ", ".join(scope.value for scope in Scope),
}
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_OF_DECIMALS = {*_BOUNDS, "max_digits", "decimal_places"}
_X_REQUEST_ID = {"description": "names the request in every log line", "schema": {"type": "string"}}


def complete(app: Flask, spec: dict[str, Any]) -> dict[str, Any]:
    """Return the document with every route's parameters, bodies, answers, errors and scopes."""
    operations = list(_operations(app, spec))
    schemas = _Schemas([contract for _, contract, _ in operations])
    for operation, contract, scopes in operations:
        operation.update(_completed(contract, scopes, operation["path_parameters"], schemas))
        del operation["path_parameters"]
        good = contract.answers.get(HTTPStatus.OK)
        if operation.pop("is_read") and good is not None and good.kept:
            _conditional(operation)
    components = spec.setdefault("components", {})
    components["schemas"] = plain(schemas.definitions)
    components["securitySchemes"] = {"key": _SCHEME}
    spec["servers"] = [{"url": "/"}]
    spec["info"] |= {"license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}}
    spec["jsonSchemaDialect"] = "https://json-schema.org/draft/2020-12/schema"
    return spec


def plain(schema: Any) -> Any:
    """Return a schema in JSON Schema's own words: pydantic leaves the bounds of exact decimals in its own."""
    if isinstance(schema, list):
        return [plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    bounds = {_BOUNDS[name]: float(schema[name]) for name in _BOUNDS if name in schema and "anyOf" in schema}
    told = {name: plain(each) for name, each in schema.items() if name not in _OF_DECIMALS or "anyOf" not in schema}
    if bounds:
        told["anyOf"] = [each | bounds if each.get("type") == "number" else each for each in told["anyOf"]]
    return told


def _operations(app: Flask, spec: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Contract, frozenset[str]]]:
    for rule in app.url_map.iter_rules():
        contract = contract_of(app, rule.endpoint)
        listed = spec["paths"].get(re.sub(r"<(?:[^<>:]+:)?([^<>]+)>", r"{\1}", rule.rule), {})
        for method in (rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}:
            operation = listed.get(method.lower())
            if contract is not None and operation is not None:
                operation["path_parameters"] = sorted(rule.arguments)
                operation["is_read"] = method == "GET" and rule.rule.startswith("/v1/")
                operation["operationId"] = rule.endpoint.rpartition(".")[2]
                yield operation, contract, scopes_of(app, rule.endpoint) or PUBLIC


class _Schemas:
    """The schemas of all types that contracts name, each defined once."""

    def __init__(self, contracts: list[Contract]) -> None:
        self._adapters: dict[int, TypeAdapter[Any]] = {}
        inputs = [(one.body, "validation") for one in contracts if one.body is not None]
        answers = [answer.type for one in contracts for answer in one.answers.values() if answer.type is not None]
        inputs += [(type_, "serialization") for type_ in [*answers, Problem]]
        made = [(id(type_), mode, self._adapter(type_)) for type_, mode in inputs]
        self._found, whole = TypeAdapter.json_schemas(made, ref_template=_REF)  # type: ignore[arg-type]
        self.definitions = dict(sorted(whole.get("$defs", {}).items()))

    def of(self, type_: Any, mode: str) -> dict[str, Any]:
        """Return the schema of a type as it is taken (validation) or answered (serialization)."""
        return dict(plain(self._found[(id(type_), mode)]))  # type: ignore[index]

    def content(self, type_: Any, mode: str) -> dict[str, Any]:
        """Return a media type object: the schema, and a sample of it."""
        schema = self.of(type_, mode)
        return {"schema": schema, "example": sample(schema, self.definitions)}

    def _adapter(self, type_: Any) -> TypeAdapter[Any]:
        return self._adapters.setdefault(id(type_), TypeAdapter(type_))


def _completed(contract: Contract, scopes: frozenset[str], path: list[str], schemas: _Schemas) -> dict[str, Any]:
    if path:  # what is named may be missing, or no id at all
        contract = replace(contract, errors=contract.errors | {HTTPStatus.NOT_FOUND.value})
    found: dict[str, Any] = {
        "parameters": [*_path(path, contract), *_query(contract), *_sent(contract)],
        "responses": {str(status): one for status, one in _responses(contract, scopes, schemas)},
        "security": [{"key": [scope]} for scope in sorted(scopes)],
    }
    if contract.body is not None:
        content = dict.fromkeys(contract.media, schemas.content(contract.body, "validation"))
        found["requestBody"] = {"required": contract.body_required, "content": content}
    return found


def _conditional(operation: dict[str, Any]) -> None:
    """Tell of the tag that an answer has, and that it may be asked for again by it (`caching`)."""
    tag = {"description": _HEADERS["ETag"], "schema": {"type": "string"}}
    operation["responses"]["200"]["headers"]["ETag"] = tag
    operation["responses"]["304"] = {"description": "you have it", "headers": {"ETag": tag}}
    sent = {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 200}}
    operation["parameters"].append({**sent, "description": "the ETag of the answer that you have"})


def _path(names: list[str], contract: Contract) -> Iterator[dict[str, Any]]:
    for name in names:
        schema = {"type": "string", "minLength": 1}
        given = {"example": contract.examples[name]} if name in contract.examples else {}
        yield {"name": name, "in": "path", "required": True, "schema": schema, **given}


def _query(contract: Contract) -> Iterator[dict[str, Any]]:
    if contract.query is None:
        return
    schema = contract.query.model_json_schema(mode="validation")
    for name, one in schema.get("properties", {}).items():
        plain = {key: value for key, value in one.items() if key not in {"title", "description"}}
        told = {"description": one["description"]} if "description" in one else {}
        yield {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": plain, **told}


def _sent(contract: Contract) -> Iterator[dict[str, Any]]:
    for name in contract.headers:
        schema = {"type": "string", "maxLength": 200}
        yield {"name": name, "in": "header", "required": False, "description": _SENT[name], "schema": schema}


def _responses(contract: Contract, scopes: frozenset[str], schemas: _Schemas) -> Iterator[tuple[int, dict[str, Any]]]:
    always = _LIMITED if scopes != PUBLIC else ()
    for status, answer in contract.answers.items():
        yield status, _answer(status, replace(answer, headers=(*answer.headers, *always)), schemas)
    for status in sorted(_errors(contract, scopes) - set(contract.answers)):
        schema = schemas.of(Problem, "serialization")
        example = {**sample(schema, schemas.definitions), **_example(status)}
        answer = Answer(None, (_PROBLEM,), headers=(*_OF_STATUS.get(status, ()), *always))
        yield status, {**_head(status, answer), "content": {_PROBLEM: {"schema": schema, "example": example}}}


def _errors(contract: Contract, scopes: frozenset[str]) -> set[int]:
    found = {HTTPStatus.INTERNAL_SERVER_ERROR.value, HTTPStatus.SERVICE_UNAVAILABLE.value, *contract.errors}
    found |= {401, 403, 429} if scopes != PUBLIC else set()
    found |= {422} if contract.query is not None or "Idempotency-Key" in contract.headers else set()
    # Any request may name a host that cannot be, carry a body that is too large, or of a type that no route takes.
    return found | {400, 413, 415} | ({422} if contract.body is not None else set())


def _answer(status: int, answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    if answer.type is not None:
        media = schemas.content(answer.type, "serialization")
        return {**_head(status, answer), "content": dict.fromkeys(answer.media, media)}
    if answer.media == (("application/json"),) or status == HTTPStatus.NO_CONTENT:
        return _head(status, answer)
    return {**_head(status, answer), "content": {media: {"schema": _bytes(media)} for media in answer.media}}


def _bytes(media: str) -> dict[str, Any]:
    return {"type": "string"} if media.startswith(("text/", "application/json")) else {}


def _head(status: int, answer: Answer) -> dict[str, Any]:
    told = {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in answer.headers}
    return {
        "description": answer.description or HTTPStatus(status).phrase,
        "headers": {"X-Request-Id": _X_REQUEST_ID, **told},
    }


def _example(status: int) -> Mapping[str, Any]:
    phrase = HTTPStatus(status).phrase
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        told = {
            "type": QUOTA_EXCEEDED,
            "detail": "this key asks too much of read routes",
            "violated-policies": ["read"],
        }
        return {"title": phrase, "status": status, "errors": None, **told}
    named = phrase.lower().replace(" ", "-")
    return {"type": f"/problems/{named}", "title": phrase, "status": status, "detail": phrase.lower(), "errors": None}
