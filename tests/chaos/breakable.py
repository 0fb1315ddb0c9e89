"""A service that dies where it is told to: `python -m chaos.breakable services.graph`.

The product has no failpoints; they are wrapped around it here. One is dead until a file of its name lies in the
directory that FAILPOINTS names; who gets there takes the file away, so that it strikes once. An empty file: the whole
service is killed. A number: that process is killed (a server, say) and the service goes on. UNHEARD: what was done
stands, and its doer never hears of it.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import neo4j
from neo4j.exceptions import IncompleteCommit

from shared.bus.kafka import KafkaBus
from shared.bus.port import Message
from shared.history.ledger_mongo import MongoLedger
from shared.knowledge.neo4j import Neo4jKnowledge
from shared.objects.s3 import S3Objects

UNHEARD = "unheard"
_DIRECTORY = Path(os.environ.get("FAILPOINTS", "/nonexistent"))


def reach(point: str) -> None:
    """Strike, if the point is armed."""
    try:
        told = (_DIRECTORY / point).read_text()
        (_DIRECTORY / point).unlink()
    except FileNotFoundError:
        return
    if told == UNHEARD:
        raise IncompleteCommit(told)
    if told:
        os.kill(int(told), signal.SIGKILL)
    else:
        os.killpg(0, signal.SIGKILL)


def wrap(owner: type, name: str, *, before: str = "", after: str = "") -> None:
    """Put points before and after a method."""
    method: Callable[..., Any] = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        reach(before) if before else None
        result = method(*args, **kwargs)
        reach(after) if after else None
        return result

    setattr(owner, name, wrapped)


def publish_by_halves(service: str) -> None:
    """Put a point in the middle of a batch that is published, and before what makes it known."""
    whole = KafkaBus.publish

    def published(bus: KafkaBus, messages: Sequence[Message]) -> Any:
        if (_DIRECTORY / f"{service}.in_batch").exists():
            whole(bus, messages[: len(messages) // 2])
            reach(f"{service}.in_batch")
        return whole(bus, messages)

    KafkaBus.publish = published  # type: ignore[method-assign,assignment]


def main() -> None:
    """Put the points in, and run the service as ever."""
    module = sys.argv[1]
    service = module.rpartition(".")[2]
    publish_by_halves(service)
    wrap(KafkaBus, "publish", before=f"{service}.before_publish", after=f"{service}.after_publish")
    wrap(MongoLedger, "record", before=f"{service}.before_history", after=f"{service}.after_history")
    wrap(MongoLedger, "_recorded", after=f"{service}.in_history")
    wrap(Neo4jKnowledge, "_advance", after=f"{service}.in_transaction")
    wrap(neo4j.Transaction, "commit", before=f"{service}.before_commit", after=f"{service}.committed")
    wrap(Neo4jKnowledge, "apply", after=f"{service}.after_commit")
    wrap(S3Objects, "put", before=f"{service}.before_put", after=f"{service}.after_put")
    runpy.run_module(f"{module}.__main__", run_name="__main__")


if __name__ == "__main__":
    main()
