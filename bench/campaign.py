"""A campaign beside single requests, all services in one process: `python bench/campaign.py [households] [in flight]`.

Emails for every user of a real shop (the demo's data); meanwhile somebody asks for one email after another, as before
it: how much longer do they wait, and how many emails does the campaign make a second?
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

from flask.testing import FlaskClient

from services.embedded.demo import purchases
from services.embedded.runtime import Runtime, blueprints, open_runtime
from shared.auth import create_key
from shared.config import Settings
from shared.web.app import create_app

SHOP, SINGLES, CHUNK = "demo", 60, 200
LATER = timedelta(days=2922)  # the year 2017, as if it were 2025: the intake takes nothing older than five years


@contextmanager
def running(directory: Path, in_flight: int) -> Iterator[Runtime]:
    """Give all services at work."""
    settings = Settings(data=directory, campaign_in_flight=in_flight, log_level="error", refresh_seconds=3600)
    runtime = open_runtime(settings, "bench")
    runtime.start()
    yield runtime
    runtime.stop()


def waits(
    client: FlaskClient, headers: dict[str, str], users: list[str], going_on: Callable[[int], bool]
) -> list[float]:
    """Return how long single emails take, one after another, while it goes on."""
    took: list[float] = []
    while going_on(len(took)):
        started = time.perf_counter()
        answer = client.post("/v1/emails", json={"user_id": users[len(took) % len(users)]}, headers=headers)
        assert answer.status_code in {200, 201}, answer.text
        took.append(time.perf_counter() - started)
        time.sleep(0.02)
    return took


def told(took: list[float]) -> str:
    marks = quantiles(took, n=20)
    return f"p50 {marks[9] * 1000:.0f}, p95 {marks[18] * 1000:.0f}, max {max(took) * 1000:.0f} ms of {len(took)}"


def main() -> int:
    households = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    in_flight = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    with tempfile.TemporaryDirectory() as name, running(Path(name), in_flight) as runtime:
        client = create_app("bench", runtime.engines, blueprints(runtime), {}).test_client()
        key, _ = create_key(runtime.engines.history, SHOP, ("admin",), "test", runtime.engines.clock)
        headers = {"Authorization": f"Bearer {key}"}
        bought: list[dict[str, Any]] = list(purchases(households, LATER))
        for first in range(0, len(bought), CHUNK):
            assert client.post("/v1/purchases", json=bought[first : first + CHUNK], headers=headers).status_code == 202
        runtime.settle()
        runtime.graph.refresher.refresh(SHOP)
        users = runtime.engines.knowledge.users(SHOP, limit=1000)
        alone = waits(client, headers, users, lambda done: done < SINGLES)
        asked = {"campaign": "bench", "segment": {"everyone": True}}
        where = client.post("/v1/campaigns", json=asked, headers=headers).headers["Location"]
        started = time.perf_counter()

        def at_work(_: int) -> bool:
            return bool(client.get(where, headers=headers).json["status"] != "done")

        beside = waits(client, headers, users, at_work)
        seconds = time.perf_counter() - started
        made = client.get(where, headers=headers).json["made"]
    print(f"single emails, alone              {told(alone)}")
    print(f"single emails, beside a campaign  {told(beside)}")
    print(f"the campaign                      {made} emails, {made / seconds:.1f}/s, {in_flight} in flight")
    return 0


if __name__ == "__main__":
    sys.exit(main())
