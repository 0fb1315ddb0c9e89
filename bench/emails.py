"""Emails per second on one core, and how MJML alone compares: `python bench/emails.py [seconds] [households]`.

The path from the insight on: recommend, plan, render, lint, headers. The insights are a real shop's (the demo's data),
read once; bare mrml renders the very MJML of those emails, in the same run. Goals: 100 emails/s, rendering at half of
bare mrml's pace or more.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mjml import mjml2html

from services.email.headers import headers
from services.email.lint import lint
from services.email.model import Plan, Reader, Sender, plan
from services.email.render import mjml, render, values
from services.embedded.demo import purchases
from services.graph.similarity import Refresher
from shared.bus.port import Position
from shared.clock import SystemClock
from shared.contracts.codec import canonical
from shared.contracts.events import Kind, PurchaseRecorded
from shared.history.port import Entry
from shared.knowledge.insight import Insight
from shared.knowledge.ladybug import LadybugKnowledge
from shared.knowledge.projection import complete, fold
from shared.knowledge.recommend import recommend

GOAL_EMAILS, GOAL_SHARE = 100.0, 0.5
READER = Reader("https://mail.example/v1/unsubscribe/token", "https://mail.example", "Ann")
SENDER = Sender(name="The Corner Grocer")


def insights(households: int) -> list[Insight]:
    """Every household's insight, and a stranger's."""
    entries = [entry_of(purchase) for purchase in purchases(households)]
    with tempfile.TemporaryDirectory() as directory:
        knowledge = LadybugKnowledge(Path(directory) / "knowledge", memory_mb=512)
        knowledge.load(complete(fold(entries)), [])
        Refresher(knowledge, SystemClock(), 0).refresh("demo")
        users = [*knowledge.users("demo", limit=households), "a stranger"]
        found = [knowledge.insight("demo", user) for user in users]
        knowledge.close()
    return found


def entry_of(purchase: dict[str, Any]) -> Entry:
    """A purchase as the ledger takes it."""
    event = PurchaseRecorded.model_validate(purchase)
    origin, at = Position("log", "t", 0, 0), int(event.purchased_at.timestamp() * 1000)
    return Entry(
        "demo", Kind.PURCHASE, event.purchase_id, "", origin, event.user_id, None, at, event.type, canonical(event)
    )


def whole(insight: Insight) -> None:
    """What an email takes from the insight on."""
    recommendation = recommend(insight)
    planned = plan(insight, recommendation, SENDER, READER)
    rendered = render(planned)
    assert not lint(rendered, READER.unsubscribe_url, READER.public_url)
    headers(planned, "e", recommendation.decision_id)


def rate(work: Callable[[Any], Any], inputs: list[Any], seconds: float) -> float:
    """How often per second, over all inputs in turn."""
    for one in inputs:
        work(one)
    rounds, start, spent = 0, time.process_time(), 0.0
    while spent < seconds:
        for one in inputs:
            work(one)
        rounds += 1
        spent = time.process_time() - start
    return rounds * len(inputs) / spent


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    seen = insights(int(sys.argv[2]) if len(sys.argv) > 2 else 30)
    plans: list[Plan] = [plan(one, recommend(one), SENDER, READER) for one in seen]
    sources = [mjml(values(one)) for one in plans]
    rendered = [(render(one), READER.unsubscribe_url, READER.public_url) for one in plans]
    bare = rate(lambda source: mjml2html(source, fonts={}), sources, seconds / 4)
    ours = rate(render, plans, seconds / 4)
    checks = rate(lambda given: lint(*given), rendered, seconds / 4)
    emails = rate(whole, seen, seconds / 4)
    print(f"bare mrml            {bare:8.0f}/s")
    print(f"plan to HTML + text  {ours:8.0f}/s  {ours / bare:.0%} of bare mrml")
    offers = rate(recommend, seen, seconds / 4)
    print(f"lint                 {checks:8.0f}/s")
    print(f"recommend            {offers:8.0f}/s")
    print(f"insight to email     {emails:8.0f}/s  {1000 / emails:.1f} ms of one core each")
    return 0 if emails >= GOAL_EMAILS and ours / bare >= GOAL_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
