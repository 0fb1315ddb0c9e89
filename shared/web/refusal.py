"""What is said before any work: a request is one too many, or did not come in; made once a word, sent at once."""

from __future__ import annotations

import json
import random
import re
import uuid
from http import HTTPStatus

from shared.clock import monotonic
from shared.config import Settings
from shared.logs import logger
from shared.metrics import HTTP_REFUSED
from shared.web.admission import Priority
from shared.web.origins import named, readable

REDUCED = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DETAIL = "too many requests are in work; repeat this one after Retry-After seconds"
_SPREAD = 3  # seconds over which those who were refused come back
_LINES = 5  # logged in a second: the loop that hears everybody must not wait for a log that is not read
_log = logger("web")


class Refusals:
    """Refuses without the app, as the app would: under the client's own id, readable by websites that may call."""

    def __init__(self, settings: Settings) -> None:
        self._origins = named(settings)
        self._second, self._lines = 0, 0

    def too_many(self, priority: Priority, origin: str, request_id: str, *, keep: bool) -> bytes:
        """Return the answer to a request that is not worked on, as it goes over the wire; it is counted, and logged."""
        id, word = _id(request_id), priority.name.lower()
        HTTP_REFUSED.labels(word).inc()
        if self._may_log():
            _log.info("request.refused", correlation_id=id, reason=word, status=HTTPStatus.SERVICE_UNAVAILABLE.value)
        after = f"Retry-After: {random.randint(1, _SPREAD)}\r\n"  # noqa: S311 (it spreads load, and keeps no secret)
        more = after + self._for_browsers(origin)
        return problem_bytes(HTTPStatus.SERVICE_UNAVAILABLE, _DETAIL, kind=REDUCED, more=more, keep=keep, id=id)

    def _may_log(self) -> bool:
        second = int(monotonic())
        self._second, self._lines = second, self._lines + 1 if second == self._second else 1
        return self._lines <= _LINES

    def _for_browsers(self, origin: str) -> str:
        if not self._origins:
            return ""
        return "Vary: Origin\r\n" + (readable(origin) if origin in self._origins else "")


def problem_bytes(
    status: HTTPStatus, detail: str = "", *, kind: str = "about:blank", more: str = "", keep: bool = False, id: str = ""
) -> bytes:
    """Return a problem as it goes over the wire; what was sent is not repeated in it."""
    id = id or uuid.uuid4().hex
    told = {"type": kind, "title": status.phrase, "status": int(status), "detail": detail or status.description}
    body = json.dumps({**told, "trace_id": id}).encode()
    head = (
        f"HTTP/1.1 {int(status)} {status.phrase}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n"
        f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n{more}"
        f"X-Request-Id: {id}\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    return head.encode() + body


def _id(given: str) -> str:
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
