"""Every error of the HTTP services as RFC 9457 problem details; never a trace, never what another shop has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from flask import Response, g

from shared import errors
from shared.auth import AuthenticationError
from shared.errors import Violation

_STATUS: tuple[tuple[type[errors.TastegraphError], HTTPStatus, str], ...] = (
    (AuthenticationError, HTTPStatus.UNAUTHORIZED, "unauthenticated"),
    (errors.NotFoundError, HTTPStatus.NOT_FOUND, "not-found"),
    (errors.ConflictError, HTTPStatus.CONFLICT, "conflict"),
    (errors.InvalidInputError, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input"),
    (errors.DeadlineError, HTTPStatus.SERVICE_UNAVAILABLE, "too-slow"),
    (errors.TransientError, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
)


def problem(
    status: int,
    detail: str,
    *,
    code: str = "",
    violations: Sequence[Violation] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem as a response; `code` makes its type `/problems/{code}`."""
    body: dict[str, Any] = {
        "type": f"/problems/{code}" if code else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "trace_id": g.get("correlation_id", ""),
    }
    if violations:
        body["errors"] = [{"pointer": each.pointer, "detail": each.detail} for each in violations]
    response = Response(json.dumps(body, ensure_ascii=False), int(status), mimetype="application/problem+json")
    response.headers.update(headers or {})
    return response


def problem_of(error: errors.TastegraphError) -> Response:
    """Return the problem that an error of ours is to a client."""
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return problem(status, _detail(error), code=code, violations=_violations(error), headers=_headers(error))
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), code=getattr(error, "code", ""))


def _detail(error: errors.TastegraphError) -> str:
    if isinstance(error, AuthenticationError):
        return "a valid API key is needed: Authorization: Bearer tg_…"
    if isinstance(error, errors.TransientError):
        return "the service cannot do this just now; repeat the request with the same ids"
    return str(error)


def _violations(error: errors.TastegraphError) -> Sequence[Violation]:
    return error.violations if isinstance(error, errors.InvalidInputError) else ()


def _headers(error: errors.TastegraphError) -> dict[str, str]:
    if isinstance(error, AuthenticationError):
        return {"WWW-Authenticate": 'Bearer realm="tastegraph"'}
    return {"Retry-After": "2"} if isinstance(error, errors.TransientError) else {}
