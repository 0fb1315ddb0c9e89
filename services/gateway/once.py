"""Idempotency-Key: a request that is repeated under its key is answered again, not done again (draft -08)."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Response, current_app, make_response, request

from shared.counters.port import Counters
from shared.erasures import standing
from shared.errors import InvalidInputError, TastegraphError, Violation
from shared.history.port import Documents
from shared.web.guard import principal
from shared.web.problems import problem

HEADER = "Idempotency-Key"
_KEPT = 86_400.0
_RUNNING = 120.0  # longer than any answer takes; a process that died holds a key no longer
_LONGEST = 200
_REPLAYED = ("Location", "Retry-After", "Preference-Applied")
_FREE = b"free"


def idempotency_key() -> str | None:
    """Return the request's key; a structured-field string or the bare text.

    Raises:
        InvalidInputError: it is no such text.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return None
    key = given[1:-1] if given.startswith('"') and given.endswith('"') and len(given) > 1 else given
    if not 0 < len(key) <= _LONGEST or not key.isascii() or not key.isprintable():
        raise InvalidInputError(
            f"{HEADER} is not one", [Violation(f"/{HEADER}", f"must be 1 to {_LONGEST} characters")]
        )
    return key


def scoped(route: str) -> str:
    """Return the name under which a route of this credential keeps its keys."""
    who = principal()
    return f"{who.shop}\n{who.key_id}\n{route}"


def once(counters: Counters, documents: Documents) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Let a view answer a repeated request as it did before; errors included, but for those that may pass.

    What was answered about a person is not told again once they were erased.
    """

    def mark(view: Callable[..., Response]) -> Callable[..., Response]:
        @functools.wraps(view)
        def answered(*args: Any, **kwargs: Any) -> Response:
            key = idempotency_key()
            if key is None:
                return view(*args, **kwargs)
            return _answered(counters, _slot(key, documents), lambda: view(*args, **kwargs))

        return answered

    return mark


def _slot(key: str, documents: Documents) -> str:
    user_id = _about()
    step = standing(principal().shop, user_id, documents).step if user_id else 0
    named = f"{scoped(request.method)}\n{request.path}\n{key}\n{step}"
    return "idempotency:" + hashlib.sha256(named.encode()).hexdigest()


def _about() -> str | None:
    """Return the user whom a request names in its path or body, if it names one that could be known."""
    named = (request.view_args or {}).get("user_id")
    if named is None:
        try:
            body = json.loads(request.get_data())
        except (ValueError, RecursionError):
            return None  # the view refuses it
        named = body.get("user_id") if isinstance(body, dict) else None
    return named if isinstance(named, str) and named.isprintable() else None


def _answered(counters: Counters, slot: str, view: Callable[[], Response]) -> Response:
    payload = hashlib.sha256(request.get_data()).hexdigest()
    running = json.dumps({"payload": payload}).encode()
    if not counters.add(slot, running, _RUNNING):
        known = counters.get(slot)
        if known is not None and known != _FREE:
            return _known(json.loads(known), payload)
        counters.put(slot, running, _RUNNING)
    return _kept(counters, slot, payload, view)


def _kept(counters: Counters, slot: str, payload: str, view: Callable[[], Response]) -> Response:
    """Do it, and keep the answer; one that may be another next time frees the key."""
    try:
        response = view()
    except TastegraphError as error:
        response = make_response(current_app.handle_user_exception(error))
    except BaseException:
        counters.put(slot, _FREE, _RUNNING)
        raise
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        counters.put(slot, _FREE, _RUNNING)
    else:
        counters.put(slot, _packed(payload, response), _KEPT)
    return response


def _known(kept: dict[str, Any], payload: str) -> Response:
    if kept["payload"] != payload:
        detail = f"this {HEADER} was used for another request"
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, code="idempotency-key-reused")
    if "status" not in kept:
        detail = "the request of this key is still being answered"
        return problem(HTTPStatus.CONFLICT, detail, code="still-running", headers={"Retry-After": "1"})
    return Response(base64.b64decode(kept["body"]), kept["status"], kept["headers"], content_type=kept["type"])


def _packed(payload: str, response: Response) -> bytes:
    kept = {
        "payload": payload,
        "status": response.status_code,
        "type": response.headers.get("Content-Type"),
        "headers": {name: response.headers[name] for name in _REPLAYED if name in response.headers},
        "body": base64.b64encode(response.get_data()).decode(),
    }
    return json.dumps(kept).encode()
