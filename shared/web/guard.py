"""Who may call what: deny by default, a scope on every view, the shop from the credential only."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

import structlog
from flask import Flask, Response, current_app, g, request

from shared.auth import AuthenticationError, Authenticator, Principal, Scope
from shared.web.problems import problem, problem_of

V = TypeVar("V", bound=Callable[..., Any])
PUBLIC = "public"


def requires(scope: str) -> Callable[[V], V]:
    """Mark a view with the scope that it needs."""
    return _mark(Scope(scope).value)


def public(view: V) -> V:
    """Mark a view that needs no credential."""
    return _mark(PUBLIC)(view)


def _mark(scope: str) -> Callable[[V], V]:
    def mark(view: V) -> V:
        view.tastegraph_scope = scope  # type: ignore[attr-defined]
        return view

    return mark


def scope_of(app: Flask, endpoint: str) -> str | None:
    """Return the mark of an endpoint's view, or none: such a view answers nobody."""
    return getattr(app.view_functions.get(endpoint), "tastegraph_scope", None)


def principal() -> Principal:
    """Return who asks; only in views that need a scope."""
    who: Principal = g.principal
    return who


def guard(app: Flask, authenticator: Authenticator) -> None:
    """Check every request before its view runs."""

    @app.before_request
    def check() -> Response | None:
        if request.endpoint is None or request.method == "OPTIONS":
            return None
        scope = scope_of(current_app, request.endpoint)
        return None if scope == PUBLIC else _admit(authenticator, scope)


def _admit(authenticator: Authenticator, scope: str | None) -> Response | None:
    try:
        who = authenticator.authenticate(_credential())
    except AuthenticationError as error:
        return problem_of(error)
    if scope is None or not who.may(scope):
        needed = f'Bearer error="insufficient_scope", scope="{scope or ""}"'
        return problem(
            HTTPStatus.FORBIDDEN,
            f"the key lacks the scope {scope}" if scope else "this is not open to anybody",
            code="insufficient-scope",
            headers={"WWW-Authenticate": needed},
        )
    g.principal = who
    structlog.contextvars.bind_contextvars(shop=who.shop, key_id=who.key_id)
    return None


def _credential() -> str:
    """Return the key: a bearer token, or, as Segment's SDKs send theirs, the user name of Basic."""
    given = request.authorization
    if given is None:
        return ""
    return str((given.token if given.type == "bearer" else given.username) or "").strip()
