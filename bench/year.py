"""Measures the real path on a real grocer's year: import, rebuild, insight and recommendation, email.

Run: .venv/bin/python bench/year.py [HOUSEHOLDS]   (all of them when left out; one JSON line on stdout)
"""

import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from services.embedded.demo import purchases
from services.embedded.operations import OPERATIONS
from services.embedded.runtime import open_runtime
from shared.config import Settings
from shared.contracts.requests import EmailRequested
from shared.knowledge.recommend import recommend

SHOP = "bench"


def main() -> None:
    households = int(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as folder:
        file, lines = Path(folder) / "year.ndjson", 0
        with file.open("w") as out:
            for purchase in purchases(households):
                lines += len(purchase["lines"])
                out.write(json.dumps(purchase) + "\n")
        runtime = open_runtime(Settings(data=Path(folder) / "data", log_level="error"), "bench")
        runtime.start()
        try:
            figures = measure(runtime, file, lines)
        finally:
            runtime.stop()
    print(json.dumps(figures))


def measure(runtime, file, lines):
    started = time.perf_counter()
    list(OPERATIONS["import"](runtime, {"shop": SHOP, "kind": "purchases", "file": str(file)}))
    imported = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    refresh = timed(lambda: runtime.graph.refresher.refresh(SHOP))
    users = runtime.engines.knowledge.users(SHOP, limit=100)
    reads = [timed(lambda user=user: recommend(runtime.engines.knowledge.insight(SHOP, user))) for user in users]
    emails = [timed(lambda user=user: email(runtime, user)) for user in users]
    rebuild = timed(lambda: list(OPERATIONS["graph.rebuild"](runtime, {})))
    (verified,) = OPERATIONS["graph.verify"](runtime, {})
    return {
        "lines": lines,
        "import_lines_per_s": round(lines / imported),
        "import_peak_mib": round(peak),
        "refresh_s": round(refresh, 2),
        "insight_and_recommend_ms": quantiles(reads),
        "email_from_insight_ms": quantiles(emails),
        "rebuild_s": round(rebuild, 1),
        "equal": verified["result"]["equal"],
    }


def email(runtime, user):
    from services.email.handlers import compose

    compose(EmailRequested(request_id="bench", user_id=user), SHOP, "bench", runtime.email.ports)


def timed(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def quantiles(seconds):
    ordered = sorted(seconds)
    at = {"p50": statistics.median(ordered), "p95": ordered[int(len(ordered) * 0.95)], "p99": ordered[-1]}
    return {name: round(value * 1000, 1) for name, value in at.items()}


if __name__ == "__main__":
    main()
