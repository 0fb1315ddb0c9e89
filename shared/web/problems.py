"""Every error of the HTTP services as RFC 9457 problem details; never a trace, never what another shop has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from flask import Response, g
from pydantic import BaseModel, Field

from shared import errors
from shared.auth import AuthenticationError, NoCredentialError
from shared.errors import Violation
from shared.web.attempts import TooManyAttemptsError


class Wrong(BaseModel):
    """One thing that is wrong with a request: where, and what."""

    pointer: str = Field(description="JSON pointer into the body, or /name of a query parameter", examples=["/user_id"])
    detail: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = Field(description="names the kind of problem", examples=["/problems/not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no such user"])
    trace_id: str = Field(description="leads to the log lines", examples=["6f0c2e7d9b1a4c58"])
    errors: list[Wrong] | None = None
    violated_policies: list[str] | None = Field(
        None, alias="violated-policies", description="of a 429: which limits", examples=[None]
    )


_STATUS: tuple[tuple[type[errors.TastegraphError], HTTPStatus, str], ...] = (
    (AuthenticationError, HTTPStatus.UNAUTHORIZED, "unauthenticated"),
    (TooManyAttemptsError, HTTPStatus.TOO_MANY_REQUESTS, "too-many-attempts"),
    (errors.NotFoundError, HTTPStatus.NOT_FOUND, "not-found"),
    (errors.ForbiddenError, HTTPStatus.FORBIDDEN, "insufficient-scope"),
    (errors.ConflictError, HTTPStatus.CONFLICT, "conflict"),
    (errors.InvalidInputError, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input"),
    (errors.DeadlineError, HTTPStatus.SERVICE_UNAVAILABLE, "too-slow"),
    (errors.TransientError, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
)

_REALM = 'Bearer realm="tastegraph"'


def problem(
    status: int,
    detail: str,
    *,
    code: str = "",
    violations: Sequence[Violation] = (),
    headers: Mapping[str, str] | None = None,
    type_: str = "",
    more: Mapping[str, Any] | None = None,
) -> Response:
    """Return a problem as a response; `code` makes its type `/problems/{code}`, where `type_` names none."""
    body: dict[str, Any] = {
        "type": type_ or (f"/problems/{code}" if code else "about:blank"),
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "trace_id": g.get("correlation_id", ""),
    }
    body |= more or {}
    if violations:
        body["errors"] = [{"pointer": each.pointer, "detail": each.detail} for each in violations]
    response = Response(json.dumps(body, ensure_ascii=False), int(status), mimetype="application/problem+json")
    response.headers.update(headers or {})
    return response


def problem_of(error: errors.TastegraphError) -> Response:
    """Return the problem that an error of ours is to a client."""
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return problem(
                status, _detail(error), code=_code(error, code), violations=_violations(error), headers=_headers(error)
            )
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), code=getattr(error, "code", ""))


def _code(error: errors.TastegraphError, code: str) -> str:
    """Return the kind's code, or the narrower one of an error of its own (a conflict's, say)."""
    return error.code if isinstance(error, errors.ConflictError) else code


def _detail(error: errors.TastegraphError) -> str:
    if isinstance(error, AuthenticationError):
        return "a credential that works is needed: Authorization: Bearer …"
    if isinstance(error, errors.TransientError):
        return "the service cannot do this just now; repeat the request with the same ids"
    return str(error)


def _violations(error: errors.TastegraphError) -> Sequence[Violation]:
    return error.violations if isinstance(error, errors.InvalidInputError) else ()


def _headers(error: errors.TastegraphError) -> dict[str, str]:
    if isinstance(error, TooManyAttemptsError):
        return {"Retry-After": str(error.wait)}
    if isinstance(error, NoCredentialError):
        return {"WWW-Authenticate": _REALM}
    if isinstance(error, AuthenticationError):
        return {"WWW-Authenticate": f'{_REALM}, error="invalid_token"'}
    if isinstance(error, errors.ForbiddenError):
        scope = error.scope.replace(" or ", " ")
        return {"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{scope}"'}
    return {"Retry-After": "2"} if isinstance(error, errors.TransientError) else {}


def refuse_in_query() -> Response:
    """Return the answer to a request with a credential in its URL, where logs and histories would keep it."""
    told = {"WWW-Authenticate": f'{_REALM}, error="invalid_request"'}
    detail = "a credential travels in the Authorization header only, never in a URL; replace this one"
    return problem(HTTPStatus.BAD_REQUEST, detail, code="credential-in-url", headers=told)
