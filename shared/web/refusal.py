"""What is said before any work: a request is one too many, or did not come in; made once a word, sent at once."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from http import HTTPStatus

from shared.clock import monotonic
from shared.config import Settings
from shared.logs import logger
from shared.metrics import HTTP_REFUSED
from shared.web.admission import Priority
from shared.web.origins import named, preflight, readable

REDUCED = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DETAIL = "too many requests are in work; repeat this one after Retry-After seconds"
_SPREAD = 3  # seconds over which those who were refused come back
_LINES = 5  # logged in a second: the loop that hears everybody must not wait for a log that is not read
_log = logger("web")


@dataclass(frozen=True, slots=True)
class Said:
    """What a request said that its refusal heeds."""

    origin: str = ""
    request_id: str = ""
    preflight: bool = False  # a browser asks whether a website may send a request


class Refusals:
    """Refuses without the app, as the app would: under the client's own id, readable by websites that may call."""

    def __init__(self, settings: Settings) -> None:
        self._origins = named(settings)
        self._second, self._lines = 0, 0

    def too_many(self, priority: Priority, said: Said, *, keep: bool) -> bytes:
        """Return the answer to a request that is not worked on, as it goes over the wire; it is counted, and logged.

        A browser's question whether a website may send one takes no work, and is answered.
        """
        if said.preflight and said.origin in self._origins:
            return preflight(said.origin, keep=keep)
        id, word = _id(said.request_id), priority.name.lower()
        HTTP_REFUSED.labels(word).inc()
        if self._may_log():
            _log.info("request.refused", correlation_id=id, reason=word, status=HTTPStatus.SERVICE_UNAVAILABLE.value)
        after = f"Retry-After: {random.randint(1, _SPREAD)}\r\n"  # noqa: S311 (it spreads load, and keeps no secret)
        more = after + self._for_browsers(said.origin)
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
    id = id or _new_id()
    told = {"type": kind, "title": status.phrase, "status": int(status), "detail": detail or status.description}
    body = json.dumps({**told, "trace_id": id}).encode()
    head = (
        f"HTTP/1.1 {int(status)} {status.phrase}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n"
        f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n{more}"
        f"X-Request-Id: {id}\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    return head.encode() + body


def _id(given: str) -> str:
    return given if REQUEST_ID.fullmatch(given) else _new_id()


def _new_id() -> str:
    """Return an id as a UUID's; to ask the system for its chance would let go of Python's lock (see `prompt`)."""
    return f"{random.getrandbits(128):032x}"
