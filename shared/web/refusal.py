"""What is said before any work: a request is one too many, or did not come in; made once a word, sent at once."""

from __future__ import annotations

import json
import random
import uuid
from http import HTTPStatus

REDUCED = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
_DETAIL = "too many requests are in work; repeat this one after Retry-After seconds"
_SPREAD = 3  # seconds over which those who were refused come back


def too_many(*, keep: bool) -> bytes:
    """Return the answer to a request that is not worked on, as it goes over the wire."""
    after = f"Retry-After: {random.randint(1, _SPREAD)}\r\n"  # noqa: S311 (it spreads load, and keeps no secret)
    return problem_bytes(HTTPStatus.SERVICE_UNAVAILABLE, _DETAIL, kind=REDUCED, more=after, keep=keep)


def problem_bytes(
    status: HTTPStatus, detail: str = "", *, kind: str = "about:blank", more: str = "", keep: bool = False
) -> bytes:
    """Return a problem as it goes over the wire; what was sent is not repeated in it."""
    id = uuid.uuid4().hex
    told = {"type": kind, "title": status.phrase, "status": int(status), "detail": detail or status.description}
    body = json.dumps({**told, "trace_id": id}).encode()
    head = (
        f"HTTP/1.1 {int(status)} {status.phrase}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n"
        f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n{more}"
        f"X-Request-Id: {id}\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    return head.encode() + body
