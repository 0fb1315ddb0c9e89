"""What the faults of the bus are tried on: topics of one's own, a worker as a process, and what it has handled."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shared.bus.kafka import KafkaBus
from shared.bus.kafka_cluster import cluster
from shared.bus.kafka_topics import Administration
from shared.bus.port import Message, Position
from shared.config import Settings
from shared.contracts.topics import PURCHASES
from shared.errors import OutcomeUnknownError, UnavailableError

ROOT = Path(__file__).parents[2]

# Handles messages by writing them down, durably, one line each; "slow…" takes so many tenths of a second.
WORKER = """
import os, sys, time
import faust
from shared.bus.kafka import KafkaBus
from shared.bus.kafka_cluster import cluster
from shared.config import Settings
from shared.process import told_to_stop

make = faust.App
# The least that a broker takes: whoever waits for a killed worker's partitions waits as long.
faust.App = lambda *given, **options: make(*given, **options | {"broker_session_timeout": 6.0})
url, path, batch = sys.argv[1:4]
effects = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

def handle(records):
    for record in records:
        value = record.message.value.decode()
        if value.startswith("slow"):
            print("slow begins", flush=True)
            time.sleep(float(value.removeprefix("slow")) / 10)
    lines = [f"{r.position.partition} {r.position.offset} {r.message.value.decode()}\\n" for r in records]
    os.write(effects, "".join(lines).encode())
    os.fsync(effects)

bus = KafkaBus(cluster(Settings(bus_url=url)))
asked = told_to_stop()
subscription = bus.subscribe("graph", ["commerce.purchases.v1"], handle, batch=int(batch))
while subscription.unready() and not asked.is_set():
    time.sleep(0.05)
print("ready", flush=True)
asked.wait()
bus.close()
"""


@dataclass
class Ground:
    """Topics under a prefix of their own, and a file of effects."""

    url: str
    effects: Path
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    def bus(self) -> KafkaBus:
        return KafkaBus(cluster(Settings(bus_url=self.url)))

    def administration(self) -> Administration:
        return Administration(cluster(Settings(bus_url=self.url)))

    def worker(self, batch: int = 50) -> subprocess.Popen[str]:
        """Start a worker process; it may not have joined yet."""
        command = [sys.executable, "-W", "ignore", "-c", WORKER, self.url, str(self.effects), str(batch)]
        self.workers.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        return self.workers[-1]

    def handled(self) -> list[tuple[int, int, str]]:
        """Return what was handled, in that order: partition, offset, value. A torn last line does not count."""
        if not self.effects.exists():
            return []
        lines = self.effects.read_text().split("\n")[:-1]
        return [(int(p), int(o), v) for p, o, v in (line.split(" ", 2) for line in lines)]


@contextmanager
def ground(kafka_url: str, directory: Path) -> Iterator[Ground]:
    """Make the topics; in the end, end the workers."""
    made = Ground(f"{kafka_url}/{uuid.uuid4().hex[:8]}.", directory / "effects")
    administration = made.administration()
    administration.apply()
    administration.close()
    yield made
    for worker in made.workers:
        worker.kill()
        worker.communicate()


class Publisher:
    """Publishes numbers, a key for each of eight users, and notes what was acknowledged; a refused one is repeated."""

    def __init__(self, bus: KafkaBus, count: int, pause: float = 0.0) -> None:
        self.acknowledged: dict[str, Position] = {}
        self.refused, self.longest = 0, 0.0
        self._bus, self._count, self._pause = bus, count, pause
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self, seconds: float = 90.0) -> None:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"only {len(self.acknowledged)} were acknowledged"

    def _run(self) -> None:
        for first in range(0, self._count, 5):
            values = [str(n) for n in range(first, min(first + 5, self._count))]
            while not self._publish(values):
                time.sleep(0.2)
            time.sleep(self._pause)

    def _publish(self, values: list[str]) -> bool:
        begun = time.monotonic()
        try:
            positions = self._bus.publish([Message(PURCHASES, b"shop|%d" % (int(v) % 8), v.encode()) for v in values])
        except (UnavailableError, OutcomeUnknownError):
            self.refused += 1
            return False
        finally:
            self.longest = max(self.longest, time.monotonic() - begun)
        self.acknowledged |= dict(zip(values, positions, strict=True))
        return True


def until(condition, seconds: float = 60.0, said: str = "it did not come about in time") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, said
        time.sleep(0.05)


def assert_all_handled_in_order(effects: list[tuple[int, int, str]], acknowledged: dict[str, Position]) -> None:
    """Nothing acknowledged is missing, and what was handled for the first time came in the log's order."""
    seen: dict[int, int] = {}
    for partition, offset, _ in effects:
        if offset > seen.get(partition, -1):
            assert offset == seen.get(partition, -1) + 1, f"partition {partition}: a gap before {offset}"
            seen[partition] = offset
    missing = [value for value, at in acknowledged.items() if at.offset > seen.get(at.partition, -1)]
    assert missing == []
