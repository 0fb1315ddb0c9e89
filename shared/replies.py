"""The answer to a request that came over the bus: to the gateway that asked, or, where nobody waits, an error."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.bus.port import Bus
from shared.clock import Clock
from shared.contracts.codec import Envelope, encode
from shared.contracts.requests import EXPIRED, PARKED, Replied, ReplyStatus
from shared.errors import InvalidInputError, PermanentError
from shared.metrics import REQUEST_TO_REPLY

_ASKER = "replyto"


def reply(
    envelope: Envelope[Any], status: ReplyStatus, bus: Bus, clock: Clock, *, kind: str, result: Any = None
) -> None:
    """Tell who asked, if anybody waits, what came of it; `kind` is email, board, template or graph.

    Raises:
        UnavailableError: the reply was not taken.
    """
    _answer(envelope, Replied(request_id=envelope.data.request_id, status=status, result=result), bus)
    REQUEST_TO_REPLY.labels(kind, status.value).observe(_seconds_since(envelope.time, clock))


def refuse(envelope: Envelope[Any], error: PermanentError, bus: Bus, clock: Clock, *, kind: str) -> None:
    """Tell who waits what was wrong; where nobody waits, raise the error: the dead letters are told.

    Raises:
        PermanentError: the error, where nobody waits.
        UnavailableError: the reply was not taken.
    """
    if not envelope.extensions.get(_ASKER):
        raise error
    violations = error.violations if isinstance(error, InvalidInputError) else ()
    found = [{"pointer": each.pointer, "detail": each.detail} for each in violations]
    problem = {"code": error.code, "detail": str(error), "violations": found}
    _fail(envelope, problem, bus)
    REQUEST_TO_REPLY.labels(kind, ReplyStatus.FAILED.value).observe(_seconds_since(envelope.time, clock))


def expire(envelope: Envelope[Any], bus: Bus) -> None:
    """Tell who asked, if anybody did, that the request came too late to be done, so that its job ends.

    Raises:
        UnavailableError: the reply was not taken.
    """
    problem = {"code": EXPIRED, "detail": "the request came too late and was not done; ask again"}
    _fail(envelope, problem, bus)


def give_up(envelope: Envelope[Any], bus: Bus) -> None:
    """Tell who asked, if anybody did, that the request goes to the dead letters; its job is done if it is replayed.

    Raises:
        UnavailableError: the reply was not taken.
    """
    problem = {"code": PARKED, "detail": "the request could not be handled, and waits until an operator looks at it"}
    _fail(envelope, problem, bus)


def _fail(envelope: Envelope[Any], problem: dict[str, Any], bus: Bus) -> None:
    _answer(envelope, Replied(request_id=envelope.data.request_id, status=ReplyStatus.FAILED, problem=problem), bus)


def _answer(envelope: Envelope[Any], replied: Replied, bus: Bus) -> None:
    asker = envelope.extensions.get(_ASKER)
    if asker:
        answer = envelope.answering(replied, id=f"{replied.request_id}.reply", subject=envelope.subject)
        bus.publish([encode(replace(answer, extensions={**answer.extensions, _ASKER: asker}))])


def _seconds_since(time: str, clock: Clock) -> float:
    try:
        return max(0.0, (clock.now() - datetime.fromisoformat(time)).total_seconds())
    except (ValueError, TypeError):  # a marketing tool may leave the time out
        return 0.0
