"""`make chaos SECONDS=60 SEED=1`: one run of the whole system under faults; the last line of stdout is its result."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from chaos.plan import Strike, plan
from chaos.run import run

_NO_DEDUPLICATION = "chaos.forgetful"


def main() -> int:
    """Run, say what was found; 0 if nothing was."""
    asked = _asked()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # all that was started is ended then, too
    strikes = _chosen(plan(asked.seed, asked.seconds), asked.only)
    home = Path(tempfile.mkdtemp(prefix="tastegraph-chaos-"))
    options = {"graph_module": _NO_DEDUPLICATION} if asked.control else {}
    told = run(strikes, asked.seconds, asked.seed, home, **options)
    for words in told.words():
        print(words, file=sys.stderr)  # noqa: T201
    if told.well or asked.control:
        shutil.rmtree(home, ignore_errors=True)
    else:
        print(f"what the processes wrote is in {home}", file=sys.stderr)  # noqa: T201
    line = {**told.as_json(), "seconds": asked.seconds, "seed": asked.seed, "well": told.well}
    print(json.dumps(line), flush=True)  # noqa: T201
    return 0 if told.well else 1


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument(
        "--only", default="", help="numbers of the strikes to make, from 0: to find the one that matters"
    )
    parser.add_argument("--control", action="store_true", help="switch deduplication off: the run must fail")
    asked = parser.parse_args()
    if asked.seed is None:
        asked.seed = random.SystemRandom().randrange(1_000_000)
    return asked


def _chosen(strikes: list[Strike], only: str) -> list[Strike]:
    return [strikes[int(number)] for number in only.split(",")] if only else strikes


if __name__ == "__main__":
    sys.exit(main())
