"""Measures the real path on a real grocer's year: import with readers beside it, refresh, email, rebuild, comparison.

An eighth of the households comes first, so that the readers have somebody to ask about while the others come in.

Run: .venv/bin/python bench/year.py [HOUSEHOLDS | --all] [--alone]   (100 when left out; one JSON line on stdout)
With --alone nobody reads meanwhile, and it ends with the import.
"""

import argparse
import itertools
import json
import math
import multiprocessing
import resource
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

# The program is loaded where it is used: an import's children load this file, and are to hold no more than elsewhere.

SHOP = "bench"
PAUSE = 0.1  # seconds between two readers' questions


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("households", type=int, nargs="?", default=100)
    arguments.add_argument("--all", action="store_true", help="the full year of all households")
    arguments.add_argument("--alone", action="store_true", help="only import, and nobody reads meanwhile")
    given = arguments.parse_args()
    from services.embedded.runtime import favour_readers, open_runtime
    from shared.config import Settings

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "year.ndjson"
        first = Path(folder) / "first.ndjson"
        lines = apart(write, first, file, None if given.all else given.households)
        runtime = open_runtime(Settings(data=Path(folder) / "data", log_level="error"), "bench")
        favour_readers()
        runtime.start()
        try:
            figures = (imported if given.alone else measure)(runtime, (first, file), lines)
        finally:
            runtime.stop()
    print(json.dumps(figures))


def apart(work, *arguments):
    """Run it in a process of its own, whose memory is not counted with that of the program."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def write(first, file, households):
    from services.embedded.demo import purchases

    lines = 0
    with first.open("w") as early, file.open("w") as late:
        for purchase in purchases(households):
            lines += len(purchase["lines"])
            (late if int(purchase["user_id"]) % 8 else early).write(json.dumps(purchase) + "\n")
    return lines


def measure(runtime, files, lines):
    readers = Readers(runtime)
    figures = imported(runtime, files, lines)
    while_importing = readers.stop()
    refresh = timed(lambda: runtime.graph.refresher.refresh(SHOP))
    users = runtime.engines.knowledge.users(SHOP, limit=100)
    idle = [timed(lambda user=user: decide(runtime, user)) for user in users]
    emails = [timed(lambda user=user: email(runtime, user)) for user in users]
    rebuild = timed(lambda: operate(runtime, "graph.rebuild"))
    (verified,) = operate(runtime, "graph.verify")
    return figures | {
        "insight_and_recommend_while_importing_ms": while_importing,
        "refresh_s": round(refresh, 2),
        "insight_and_recommend_ms": quantiles(idle),
        "email_from_insight_ms": quantiles(emails),
        "rebuild_s": round(rebuild, 1),
        "peak_mib": peak_mib(),
        "equal": verified["result"]["equal"],
    }


def imported(runtime, files, lines):
    started, cpu = time.perf_counter(), time.process_time()
    with sampled() as all_together:
        for file in files:
            operate(runtime, "import", shop=SHOP, kind="purchases", file=str(file))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return {
        "lines": lines,
        "import_s": round(seconds, 1),
        "import_cpu_s": round(cpu, 1),  # of this process: what a busy machine does not change much
        "import_lines_per_s": round(lines / seconds),
        "import_peak_mib": peak_mib(),
        "import_peak_with_children_mib": max(all_together),
    }


def operate(runtime, name, **arguments):
    from services.embedded.operations import OPERATIONS

    return list(OPERATIONS[name](runtime, arguments))


@contextmanager
def sampled():
    """Look at the memory of this process and its children, all together, once a second (MiB)."""
    here, seen, over = psutil.Process(), [0], threading.Event()

    def look():
        while not over.wait(1.0):
            with suppress(psutil.NoSuchProcess):
                family = [here, *here.children(recursive=True)]
                seen.append(sum(one.memory_info().rss for one in family) >> 20)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


class Readers:
    """Asks for insights and recommendations, one after the other, while something else goes on."""

    def __init__(self, runtime):
        self.runtime, self.seconds, self.stopping = runtime, [], threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.stopping.wait(1.0) and not self._users():
            pass  # nobody is known yet
        while not self.stopping.is_set():
            for user in itertools.islice(self._users(), 100):
                if self.stopping.wait(PAUSE):
                    return
                self.seconds.append(timed(lambda user=user: decide(self.runtime, user)))

    def _users(self):
        return self.runtime.engines.knowledge.users(SHOP, limit=100)

    def stop(self):
        """Stop asking; return how long answers took."""
        self.stopping.set()
        self.thread.join()
        return quantiles(self.seconds)


def decide(runtime, user):
    from shared.decisions import decided

    engines = runtime.engines
    decided(SHOP, user, engines.knowledge, engines.history, now=engines.clock.now())


def email(runtime, user):
    from services.email.handlers import compose
    from shared.contracts.requests import EmailRequested

    compose(EmailRequested(request_id="bench", user_id=user), SHOP, "bench", runtime.email.ports)


def timed(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def peak_mib():
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def quantiles(seconds):
    """Return nearest-rank quantiles in ms, the largest, and of how many; with under 100 of them p99 is the largest."""
    ordered = sorted(seconds)
    if not ordered:
        return {"count": 0}
    at = {f"p{rank}": ordered[math.ceil(len(ordered) * rank / 100) - 1] for rank in (50, 95, 99)}
    return {name: round(value * 1000, 1) for name, value in (at | {"max": ordered[-1]}).items()} | {
        "count": len(ordered)
    }


if __name__ == "__main__":
    main()
