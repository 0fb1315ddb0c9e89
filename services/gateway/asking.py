"""A question over the bus and its answer: publish a request, wait for the reply within bounds, keep it as a job."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.breakers import Breaker, Breakers, OpenError
from shared.bus.dispatch import of_its_shop
from shared.bus.hops import handled
from shared.bus.port import Bus, Record
from shared.clock import Clock, to_ms
from shared.contracts.codec import Envelope, digest, encode
from shared.contracts.requests import (
    EXPIRED,
    PARKED,
    BoardRequested,
    EmailRequested,
    GraphWorkRequested,
    Replied,
    ReplyStatus,
    TemplateCheckRequested,
)
from shared.deadlines import within
from shared.errors import ConflictError, DeadlineError, InvalidInputError
from shared.history.port import Document, Documents
from shared.logs import logger
from shared.web.admission import aside

JOBS = "jobs"
EXPIRES = timedelta(hours=1)  # nobody looks a job up after that; the work would be for nothing
UNANSWERED = ("pending", EXPIRED)
_log = logger("gateway")

GRAPH = "graph"  # the kind of a job that works on the graph
Request = EmailRequested | BoardRequested | TemplateCheckRequested | GraphWorkRequested
_Slot = tuple[str, str, str]  # shop, id of the request, correlation id of the asking
_ABOUT_NOBODY = TemplateCheckRequested | GraphWorkRequested
_KINDS = {
    EmailRequested: "emails",
    BoardRequested: "boards",
    TemplateCheckRequested: "templates",
    GraphWorkRequested: GRAPH,
}


@dataclass(frozen=True)
class AskerPorts:
    """All that asking needs of the outside."""

    bus: Bus
    documents: Documents
    clock: Clock


class Asker:
    """Asks the services behind the bus. Thread-safe; a reply that nobody waits for any more is kept in its job."""

    def __init__(self, ports: AskerPorts, wait_seconds: float, breakers: Breakers, waiters: int = 8) -> None:
        """Wait so long for a reply, and so many at once: threads that all wait would answer nobody else."""
        self._ports, self.longest, self._breakers = ports, wait_seconds, breakers
        self._waiters = threading.BoundedSemaphore(waiters)
        self.instance = uuid.uuid4().hex
        self._pending: dict[_Slot, list[Future[Replied]]] = {}
        self._lock = threading.Lock()

    def ask(self, shop: str, request: Request, correlation_id: str, wait: float | None = None) -> Replied | None:
        """Publish a request and return its reply, or none if that takes longer than the wait (none: ours).

        Raises:
            ConflictError: another request was made under the same id.
            UnavailableError: the request was not taken.
        """
        self._open_job(shop, request)
        slot = (shop, request.request_id, correlation_id)
        future: Future[Replied] = Future()
        with self._lock:
            self._pending.setdefault(slot, []).append(future)
        try:
            self._ports.bus.publish([encode(self._envelope(shop, request, correlation_id))])
            seconds = self.longest if wait is None else wait
            return self._awaited(future, seconds, self._breakers.of(f"replies-{_KINDS[type(request)]}"))
        finally:
            self._forget(slot, future)

    def send(self, shop: str, request: Request, correlation_id: str) -> Document:
        """Publish a request and return its job at once; one that has been answered is not published again.

        Raises:
            ConflictError: another request was made under the same id.
            UnavailableError: the request was not taken.
        """
        job = self._open_job(shop, request)
        if job.body["status"] in UNANSWERED:
            self._ports.bus.publish([encode(self._envelope(shop, request, correlation_id))])
        return job

    def _awaited(self, future: Future[Replied], seconds: float, breaker: Breaker) -> Replied | None:
        """Return the reply, or none: it takes longer than there is time, none came lately, or too many wait."""
        if not seconds or not self._waiters.acquire(blocking=False):
            return None
        try:
            breaker.ask()
            with aside():
                reply = future.result(within(seconds))
        except OpenError:
            return future.result() if future.done() else None
        except (TimeoutError, DeadlineError):
            if seconds >= self.longest:  # who waited less cannot tell
                breaker.failed()
            return None
        finally:
            self._waiters.release()
        breaker.succeeded()
        return None if _is_parked(reply.problem) else reply  # its job says so, and may still be done

    def hear(self, record: Record) -> None:
        """Take a reply that somebody waits for in this process; of several gateways only one has the asker.

        Raises:
            UnavailableError: it could not be kept; whoever serves the group keeps it.
        """
        try:
            envelope = of_its_shop(record)
        except InvalidInputError:
            return  # whoever serves the group tells
        with self._lock:
            awaited = _slot(envelope) in self._pending
        if awaited:
            with handled(envelope, record.position.topic, "gateway"):
                self.on_reply(envelope)

    def on_reply(self, envelope: Envelope[Replied]) -> None:
        """Keep a reply in the job of its own shop, once, and wake who waits for it.

        Raises:
            UnavailableError: it could not be kept; offer it again.
        """
        reply, shop = envelope.data, envelope.shop
        job = self._ports.documents.get(JOBS, shop, reply.request_id)
        if job is None:
            _log.warning("a reply to nothing that was asked was dropped", request_id=reply.request_id)
            return
        if _of_an_earlier_asking(reply, job, to_ms(self._ports.clock.now())):
            return
        if _may_be_answered(job):
            body = {**job.body, **outcome(reply, job.body)}
            with suppress(ConflictError):  # the same reply was heard twice, and has been kept just now
                self._ports.documents.put(JOBS, shop, reply.request_id, body, expect=job.version)
        with self._lock:
            waiting = self._pending.pop(_slot(envelope), [])
        for future in waiting:
            future.set_result(reply)

    def _open_job(self, shop: str, request: Request) -> Document:
        body = {
            "kind": _KINDS[type(request)],
            "user_id": getattr(request, "user_id", None),
            "preview": getattr(request, "preview", isinstance(request, _ABOUT_NOBODY)),
            "status": "pending",
            "digest": digest(request),
            "expires_at": to_ms(self._ports.clock.now() + EXPIRES),
        }
        try:
            return self._ports.documents.put(JOBS, shop, request.request_id, body, expect=0)
        except ConflictError:
            known = self._ports.documents.get(JOBS, shop, request.request_id)
            if known is None or known.body["digest"] != body["digest"]:
                raise ConflictError("another request stands under this id") from None
            return self._renewed(known, body)

    def _renewed(self, known: Document, body: Mapping[str, Any]) -> Document:
        """Return a job that is asked for again: one without an answer has its time anew."""
        if known.body["status"] not in UNANSWERED:
            return known
        with suppress(ConflictError):  # its reply, or the same question again, came just now
            return self._ports.documents.put(JOBS, known.shop, known.id, body, expect=known.version)
        return known

    def _envelope(self, shop: str, request: Request, correlation_id: str) -> Envelope[Request]:
        now = self._ports.clock.now()
        told = {"replyto": self.instance, "expirytime": (now + EXPIRES).isoformat()}
        return Envelope(shop, request.request_id, _subject(request), now.isoformat(), request, correlation_id, told)

    def _forget(self, slot: _Slot, future: Future[Replied]) -> None:
        with self._lock:
            left = [each for each in self._pending.get(slot, []) if each is not future]
            if left:
                self._pending[slot] = left
            else:
                self._pending.pop(slot, None)


def _slot(envelope: Envelope[Replied]) -> _Slot:
    """Return whom a reply wakes: it may be heard twice, and the second time the same may have been asked again."""
    return envelope.shop, envelope.data.request_id, envelope.correlation_id


def _subject(request: Request) -> str:
    """Return what a request is about: its key on the bus keeps the order of what is about the same."""
    match request:
        case TemplateCheckRequested():
            return request.template
        case GraphWorkRequested():
            return request.work
    return request.user_id


def _came_too_late(reply: Replied) -> bool:
    return (reply.problem or {}).get("code") == EXPIRED


def _of_an_earlier_asking(reply: Replied, job: Document, now: int) -> bool:
    """Say whether a reply is about a request that ran out, while the same was asked again and still has time."""
    return _came_too_late(reply) and now <= int(job.body["expires_at"])


def _may_be_answered(job: Document) -> bool:
    """Say whether a reply counts: none has come, or one that said that the request is parked; it may be replayed."""
    return job.body["status"] in UNANSWERED or _is_parked(job.body.get("problem"))


def _is_parked(problem: Mapping[str, Any] | None) -> bool:
    return (problem or {}).get("code") == PARKED


def outcome(reply: Replied, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a job keeps of a reply; a result that has a place of its own stays there."""
    status = EXPIRED if _came_too_late(reply) else reply.status.value
    kept: dict[str, Any] = {"status": status, "problem": reply.problem}
    if reply.status is ReplyStatus.SKIPPED or job["preview"]:
        kept["result"] = reply.result
    return kept


def request_id(shop: str, route: str, idempotency_key: str | None) -> str:
    """Return the same id for the same key of the same shop on the same route; without a key, a new one."""
    if not idempotency_key:
        return uuid.uuid4().hex
    return hashlib.sha256(f"{shop}\n{route}\n{idempotency_key}".encode()).hexdigest()[:32]
