"""Product pictures: fetched under guard, decoded in a child, kept by content; a missing one is simply not there."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from services.visionboard import decode
from services.visionboard.addresses import RefusedError
from services.visionboard.fetch import Fetcher
from services.visionboard.sheet import Photo
from shared.clock import Clock, monotonic, to_ms
from shared.errors import TastegraphError
from shared.history.port import Documents
from shared.logs import logger
from shared.objects.port import Objects

COLLECTION = "pictures"
PARALLEL = 8
_DECODE_SECONDS = 5.0
_FRESH_MS = 7 * 86_400_000
_FAILED_MS = 3_600_000
_log = logger("visionboard")


@dataclass(frozen=True)
class Shot:
    """A picture, ready to be printed: what is known of it, and its JPEG."""

    photo: Photo
    data: bytes


class Pictures(Protocol):
    """Gives pictures for URLs."""

    def gather(self, shop: str, urls: Sequence[str], seconds: float) -> Mapping[str, Shot]:
        """Return what could be had of the pictures within so many seconds; never raises for a picture's sake."""


def shop_hash(shop: str) -> str:
    """Return a shop's part of an object key."""
    return hashlib.sha256(shop.encode()).hexdigest()[:16]


def decoded(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Decode a picture in a child process and return its facts and its fresh JPEG.

    Raises:
        RefusedError: it is not a picture, is too large, or took the child down.
    """
    try:
        child = subprocess.run(  # noqa: S603 (our own file, no shell)
            [sys.executable, "-I", str(Path(decode.__file__))],
            input=data,
            capture_output=True,
            timeout=_DECODE_SECONDS,
            check=True,
            env={},
        )
        head, _, picture = child.stdout.partition(b"\n")
        return json.loads(head), picture
    except (subprocess.SubprocessError, ValueError) as error:
        raise RefusedError("not-a-picture") from error


@dataclass
class CachedPictures:
    """The pictures of the outside, with a cache in the objects and its index in the documents."""

    documents: Documents
    objects: Objects
    clock: Clock
    fetcher: Fetcher
    _workers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(PARALLEL, "pictures"))

    def gather(self, shop: str, urls: Sequence[str], seconds: float) -> Mapping[str, Shot]:
        """Return what could be had of the pictures within so many seconds; never raises for a picture's sake."""
        deadline = monotonic() + seconds
        wanted = list(dict.fromkeys(urls))
        found = {url: self._remembered(shop, url) for url in wanted}
        shots = {url: shot for url, shot in found.items() if isinstance(shot, Shot)}
        missing = [url for url, shot in found.items() if shot is None]
        futures = {url: self._workers.submit(copy_context().run, self._take, shop, url) for url in missing}
        wait(futures.values(), timeout=max(0.0, deadline - monotonic()))
        late = [future for future in futures.values() if not future.done()]
        for future in late:
            future.cancel()
        if late:
            _log.warning("pictures came too late", count=len(late))
        return shots | dict(_had(futures.items()))

    def close(self) -> None:
        """Start no fetch that has not begun."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _remembered(self, shop: str, url: str) -> Shot | RefusedError | None:
        """Return a kept picture, a failure that is too young to try again, or none."""
        document = self.documents.get(COLLECTION, shop, _index_id(url))
        if document is None:
            return None
        body = document.body
        age = to_ms(self.clock.now()) - int(body["fetched_at"])
        if body.get("failed"):
            return RefusedError(str(body["failed"])) if age < _FAILED_MS else None
        kept = self.objects.get(str(body["key"])) if age < _FRESH_MS else None
        return Shot(_photo(url, body), kept.data) if kept else None

    def _take(self, shop: str, url: str) -> Shot | None:
        try:
            facts, data = decoded(self.fetcher.fetch(url))
        except RefusedError as error:
            _log.info("a picture could not be had", code=error.code)
            self._remember(shop, url, {"failed": error.code})
            return None
        key = f"pictures/{shop_hash(shop)}/{hashlib.sha256(data).hexdigest()}.jpg"
        self.objects.put(key, data, "image/jpeg")
        body = {"key": key, **facts}
        self._remember(shop, url, body)
        return Shot(_photo(url, body), data)

    def _remember(self, shop: str, url: str, body: Mapping[str, Any]) -> None:
        moment = to_ms(self.clock.now())
        self.documents.put(COLLECTION, shop, _index_id(url), {**body, "fetched_at": moment})


def _index_id(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _photo(url: str, body: Mapping[str, Any]) -> Photo:
    return Photo(str(body["key"]), url, int(body["width"]), int(body["height"]), bool(body["cutout"]))


def _had(futures: Iterable[tuple[str, Future[Shot | None]]]) -> Iterable[tuple[str, Shot]]:
    """Yield what was taken in time; what failed in our own stores is logged, and the board goes on without it."""
    for url, future in futures:
        if not future.done() or future.cancelled():
            continue
        error = future.exception()
        if isinstance(error, (TastegraphError, OSError)):
            _log.warning("a picture could not be kept", error=type(error).__name__)
        elif error is not None:
            raise error
        elif shot := future.result():
            yield url, shot
