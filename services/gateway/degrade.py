"""Answers while a dependency is away: the last good copy, else what is popular; each says that it is one.

A copy belongs to a shop and a question; who may ask it has been seen to by then. What an erasure may have changed since
is never shown: of a person, if they were erased; of several, if anybody was; not at all, if that cannot be told.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from shared.clock import Clock, from_ms, to_ms
from shared.counters.memory import MemoryCounters
from shared.counters.port import Counters
from shared.erasures import ERASURES
from shared.errors import TransientError
from shared.history.port import Documents
from shared.metrics import DEGRADED
from shared.web.contract import aged
from shared.web.guard import principal

KEPT_SECONDS = 3600.0
_MEGABYTES = 64
_MARGIN_MS = 60_000  # clocks differ
_STALE_MS = 60_000  # after which what is popular is looked at anew
_POPULAR = "popular"
_OF_NOBODY = frozenset({"product", "trends"})

View = Callable[..., Response]


@dataclass(frozen=True, slots=True)
class Copy:
    """An answer as it was, and when."""

    body: Mapping[str, Any]
    as_of: int


class Copies:
    """The last good answers, in this process's memory: bounded, and gone after an hour. Thread-safe."""

    def __init__(self, notes: Counters, documents: Documents, clock: Clock) -> None:
        """Note erasures where all processes see them."""
        self._notes, self._documents, self._clock = notes, documents, clock
        self._kept = MemoryCounters(_MEGABYTES << 20)

    def keep(self, shop: str, question: str, body: bytes) -> None:
        """Keep an answer."""
        self._kept.put(f"{shop}\n{question}", b"%d\n%s" % (self._now(), body), KEPT_SECONDS)

    def find(self, shop: str, question: str, about: str | None) -> Copy | None:
        """Return the last answer to a question `about` a user (empty: about several; none: about nobody), or none."""
        known = self._kept.get(f"{shop}\n{question}")
        if known is None:
            return None
        at, _, body = known.partition(b"\n")
        copy = Copy(json.loads(body), int(at))
        return copy if about is None or self._remains(shop, about, copy.as_of) else None

    def is_fresh(self, shop: str, question: str) -> bool:
        """Say whether an answer was kept within the last minute."""
        known = self._kept.get(f"{shop}\n{question}")
        return known is not None and int(known.partition(b"\n")[0]) > self._now() - _STALE_MS

    def forget(self, shop: str, user_id: str) -> None:
        """Note that a user asked to be forgotten: no copy that may tell of them is shown again."""
        for whom in (user_id, ""):
            self._notes.put(_note(shop, whom), b"%d" % self._now(), KEPT_SECONDS)

    def age(self, copy: Copy) -> int:
        """Return how many seconds old a copy is."""
        return max(0, self._now() - copy.as_of) // 1000

    def _remains(self, shop: str, user_id: str, as_of: int) -> bool:
        noted = self._notes.get(_note(shop, user_id))
        if noted is not None and int(noted) >= as_of - _MARGIN_MS:
            return False
        try:
            if user_id:
                mark = self._documents.get(ERASURES, shop, user_id)
            else:
                mark = next(iter(self._documents.find(ERASURES, shop, page_size=1).items), None)
        except TransientError:
            return False
        return mark is None or mark.updated_at < as_of - _MARGIN_MS

    def _now(self) -> int:
        return to_ms(self._clock.now())


def or_a_copy(copies: Copies, popular: Callable[[str], Response] | None = None) -> Callable[[View], View]:
    """Let a view answer from its last good copy, if a dependency is away; else with what is `popular` in the shop.

    What it tells of is read off the request: the user in its path or query, several people, or (products, trends) none.
    """

    def mark(view: View) -> View:
        @functools.wraps(view)
        def answered(*args: Any, **kwargs: Any) -> Response:
            shop, question = principal().shop, _question()
            try:
                response = view(*args, **kwargs)
            except TransientError:
                instead = _instead(copies, shop, question, with_popular=popular is not None)
                if instead is None:
                    raise
                return instead
            if response.status_code == HTTPStatus.OK:
                copies.keep(shop, question, response.get_data())
                if popular is not None and not copies.is_fresh(shop, _POPULAR):
                    with suppress(TransientError):  # the answer itself is there
                        copies.keep(shop, _POPULAR, popular(shop).get_data())
            return response

        return aged(answered)

    return mark


def _instead(copies: Copies, shop: str, question: str, *, with_popular: bool) -> Response | None:
    copy = copies.find(shop, question, _about())
    if copy is not None:
        return _labelled(copy, "cache", copy.body, copies.age(copy))
    copy = copies.find(shop, _POPULAR, None) if with_popular else None
    if copy is None:
        return None
    body = {**copy.body, "user_id": (request.view_args or {}).get("user_id"), "known": False}
    return _labelled(copy, "popular", body, copies.age(copy))


def _labelled(copy: Copy, served_from: str, body: Mapping[str, Any], age: int) -> Response:
    DEGRADED.labels(served_from).inc()
    told = {"degraded": True, "served_from": served_from, "as_of": from_ms(copy.as_of).isoformat()}
    response = Response(json.dumps({**body, **told}, ensure_ascii=False), mimetype="application/json")
    response.headers.update({"Age": str(age), "Cache-Control": "no-store"})
    return response


def _question() -> str:
    named = json.dumps(request.view_args, sort_keys=True)
    return f"{request.endpoint}\n{named}\n{urlencode(sorted(request.args.items(multi=True)))}"


def _about() -> str | None:
    """Return whom an answer tells of: a user, several people (empty), or nobody."""
    user_id = (request.view_args or {}).get("user_id") or request.args.get("user_id")
    name = str(request.endpoint).rpartition(".")[2]
    if user_id and name != "similar_users":
        return str(user_id)
    return None if name in _OF_NOBODY else ""


def _note(shop: str, user_id: str) -> str:
    return "erased:" + hashlib.sha256(f"{shop}\n{user_id}".encode()).hexdigest()
