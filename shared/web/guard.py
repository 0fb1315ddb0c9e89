"""Who may call what: deny by default, a scope on every view, the shop from the credential only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from flask import Flask, Response, current_app, g, request

from shared.auth import OWN, AuthenticationError, NoCredentialError, Principal, Scope
from shared.errors import ForbiddenError, NotFoundError
from shared.web.attempts import TooManyAttemptsError, counted
from shared.web.authenticator import Authenticator, in_query
from shared.web.problems import problem_of, refuse_in_query

V = TypeVar("V", bound=Callable[..., Any])
PUBLIC: frozenset[str] = frozenset()  # what a view without a credential needs


def requires(*scopes: str, own: bool = False) -> Callable[[V], V]:
    """Mark a view with the scope that it needs; of several, any will do, and the view looks closer.

    An `own` view is also for an end user's token. A path's user_id is then that user's; a view without one sees to it.
    """
    return _mark(frozenset(Scope(scope).value for scope in scopes) | (frozenset({OWN}) if own else frozenset()))


def public(view: V) -> V:
    """Mark a view that needs no credential."""
    return _mark(PUBLIC)(view)


def _mark(scopes: frozenset[str]) -> Callable[[V], V]:
    def mark(view: V) -> V:
        view.tastegraph_scopes = scopes  # type: ignore[attr-defined]
        return view

    return mark


def scopes_of(app: Flask, endpoint: str) -> frozenset[str] | None:
    """Return the mark of an endpoint's view, or none: such a view answers nobody."""
    return getattr(app.view_functions.get(endpoint), "tastegraph_scopes", None)


def demand(scope: str) -> None:
    """Let only those go on who have the scope, where it depends on what was asked for.

    Raises:
        ForbiddenError: the credential lacks it.
    """
    if not principal().may(scope):
        raise ForbiddenError(scope)


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
        if in_query(request.args):
            return refuse_in_query()
        scopes = scopes_of(current_app, request.endpoint)
        return None if scopes == PUBLIC else _admit(authenticator, scopes or frozenset())


def _admit(authenticator: Authenticator, scopes: frozenset[str]) -> Response | None:
    try:
        who = authenticator.authenticate(_credential(), counted(request.remote_addr))
    except (AuthenticationError, TooManyAttemptsError) as error:
        return problem_of(error)
    if not any(who.may(scope) for scope in scopes):
        return problem_of(ForbiddenError(" or ".join(sorted(scopes - {OWN}))))
    if who.user_id is not None and (request.view_args or {}).get("user_id", who.user_id) != who.user_id:
        return problem_of(NotFoundError("there is no such user"))
    g.principal = who
    structlog.contextvars.bind_contextvars(shop=who.shop, key_id=who.key_id)
    return None


def _credential() -> str:
    """Return the credential: a bearer token, or, as Segment's SDKs send theirs, the user name of Basic.

    Raises:
        NoCredentialError: there is none.
    """
    given = request.authorization
    text = "" if given is None else str((given.token if given.type == "bearer" else given.username) or "").strip()
    if not text:
        raise NoCredentialError
    return text
