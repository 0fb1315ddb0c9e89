"""What clients may keep of an answer, and how they ask whether it still stands (ETag, RFC 9110)."""

from __future__ import annotations

from hashlib import sha256
from http import HTTPStatus

from flask import Flask, Response, request

from shared.web.contract import contract_of

# Whoever keeps it asks every time whether it still stands; while we cannot answer, it may be shown for a while.
FRESH = "private, max-age=0, must-revalidate, stale-if-error=300"
DERIVED = "private, max-age=0, stale-while-revalidate=60, stale-if-error=300"  # what refreshes make, not events
_DERIVED = frozenset(
    {"similar_users", "similar_products", "neighbourhood", "trends", "path"}
    | {"communities", "community", "community_users", "community_products"}
)


def cached(app: Flask) -> None:
    """Give every answer to a read its tag, and answer 304 where the asker has that very answer."""

    @app.after_request
    def tag(response: Response) -> Response:
        if response.status_code >= HTTPStatus.BAD_REQUEST or not _may_be_kept(app, response):
            response.headers.setdefault("Cache-Control", "no-store")
        if not _is_kept(response):
            return response
        response.headers.setdefault("Cache-Control", DERIVED if _name() in _DERIVED else FRESH)
        response.vary.add("Authorization")
        response.set_etag(sha256(response.get_data()).hexdigest()[:32], weak=True)  # it may yet be compressed
        response.make_conditional(request)
        return response


def _may_be_kept(app: Flask, response: Response) -> bool:
    contract = contract_of(app, request.endpoint or "")
    answer = contract.answers.get(response.status_code) if contract else None
    return answer is None or answer.kept


def _is_kept(response: Response) -> bool:
    return (
        request.method in {"GET", "HEAD"}
        and response.status_code == HTTPStatus.OK
        and request.path.startswith("/v1/")
        and not response.is_streamed
        and "no-store" not in response.headers.get("Cache-Control", "")
    )


def _name() -> str:
    return (request.endpoint or "").rpartition(".")[2]
