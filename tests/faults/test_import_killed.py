"""An import that is killed again and again: what the graph holds in the end is what one quiet import gives."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.embedded.preparing import Job, is_large
from services.graph.handlers import catch_up
from services.graph.ports import GraphPorts
from services.graph.rebuild import repair, verify
from shared.bus.sqlite import SqliteBus
from shared.clock import SystemClock
from shared.contracts.codec import Envelope, encode
from shared.contracts.events import PurchaseRecorded
from shared.history.port import Outcome
from shared.history.sqlite import SqliteHistory
from shared.knowledge.ladybug import LadybugKnowledge
from shared.objects.files import FileObjects

ROOT = Path(__file__).parents[2]
SOME, MANY = 5, 25  # kills of each import
SIZES = {"a large file, which fills the graph at its end": 4_000, "a small one, which is merged into it": 1_800}
_PATIENCE = 180.0


def purchase(number: int) -> dict:
    lines = [
        {
            "product_id": f"p{(number * 7 + step * 13) % 211}",
            "quantity": 1 + step,
            "unit_price": "2.50",
            "name": f"Thing {(number * 7 + step * 13) % 211}",
            "categories": ["Food", f"Shelf {(number + step) % 9}"],
        }
        for step in range(3)
    ]
    return {
        "purchase_id": f"n{number}",
        "user_id": f"u{number % 97}",
        "purchased_at": f"2026-0{1 + number % 6}-{1 + number % 28:02d}T10:00:00Z",
        "currency": "EUR" if number % 100 else "Taler",
        "lines": lines,
    }


def start(*words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "services", *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(*words: str | Path) -> dict:
    process = start(*words)
    out, told = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 0, told
    return json.loads(out)


def has_begun(process: subprocess.Popen[str], data: Path, *, engines_open: bool) -> bool:
    """Say whether the process has the directory, and, if asked, its engines open: it listens for commands then."""
    try:
        owner = json.loads((data / "owner.json").read_text())
    except FileNotFoundError:
        return False
    return owner["pid"] == process.pid and (not engines_open or Path(owner["socket"]).exists())


def kill_at_some_moment(process: subprocess.Popen[str], data: Path, chance: random.Random, *, further: bool) -> bool:
    """Kill a process while it opens its engines, starts its reader, or is on its way; say whether it was not done."""
    deadline, engines_open = time.monotonic() + _PATIENCE, chance.random() < 0.8
    before = resume_point(data)
    while process.poll() is None and not (
        has_begun(process, data, engines_open=engines_open) and (not further or resume_point(data) > before)
    ):
        assert time.monotonic() < deadline, "the import never began"
        time.sleep(0.01)
    time.sleep(chance.uniform(0.0, 0.3 if further or not engines_open else 1.4))
    process.kill()
    process.communicate(timeout=_PATIENCE)
    return process.returncode == -signal.SIGKILL


def resume_point(data: Path) -> int:
    return max((json.loads(file.read_text())["row"] for file in (data / "imports").glob("*.json")), default=0)


def rejected(counts: dict) -> list[int]:
    return [json.loads(line)["row"] for line in Path(counts["rejects"]).read_text().splitlines()]


def imported(file: Path, data: Path, kills: int) -> tuple[dict, dict, set[int]]:
    """Kill the import so often, then let it end; return its counts, the graph's report, and where it took up again."""
    chance, taken_up = random.Random(data.name), set()  # noqa: S311 (the same moments every time)
    while kills:
        process = start("import", "--data", data, "--shop", "s", file, "--json")
        kills -= kill_at_some_moment(process, data, chance, further=kills % 3 == 0)
        taken_up.add(resume_point(data))
    counts = answer("import", "--data", data, "--shop", "s", file, "--json")
    return counts, answer("graph", "verify", "--data", data, "--json"), taken_up


def good(purchases: int) -> int:
    return purchases - purchases // 100  # every hundredth has a currency that there is not


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [SOME, pytest.param(MANY, marks=pytest.mark.nightly)])
def test_an_import_killed_again_and_again_leaves_the_same_graph_as_a_quiet_one(tmp_path, kills):
    runs = {}
    with ThreadPoolExecutor(2) as pool:
        for name, size in SIZES.items():
            file = tmp_path / f"{size}.ndjson"
            file.write_text("".join(json.dumps(purchase(number)) + "\n" for number in range(size)))
            assert name.startswith("a large") == is_large(Job("s", "purchases", file, {}, {}))
            kinds = {"killed": kills, "quiet": 0}
            runs[size] = [pool.submit(imported, file, tmp_path / f"{kind}-{size}", n) for kind, n in kinds.items()]

    for size, (killed, quiet) in runs.items():
        (last, report, taken_up), (first, expected, _) = killed.result(), quiet.result()
        assert (good(size), 3 * good(size), True) == (first["accepted"], first["lines"], expected["equal"])
        assert list(range(1, size + 1, 100)) == rejected(first) == rejected(last)
        assert any(taken_up), "the kills never came while the import was under way"
        assert (good(size), 0) == (last["accepted"] + last["duplicates"], last["conflicts"])
        assert 3 * last["accepted"] == last["lines"]
        assert (True, expected["ledger"]) == (report["equal"], report["ledger"])


class ForgetfulHistory:
    """A real ledger whose word is lost: whatever it is shown, it calls new."""

    def __init__(self, history: SqliteHistory) -> None:
        self._history = history

    def __getattr__(self, name: str):
        return getattr(self._history, name)

    def record(self, entries, watermarks):
        return [Outcome.NEW for _ in self._history.record(entries, watermarks)]


@pytest.fixture
def engines(tmp_path):
    opened = (
        SqliteBus(tmp_path / "bus.db"),
        SqliteHistory(tmp_path / "history.db"),
        LadybugKnowledge(tmp_path / "knowledge", memory_mb=256),
    )
    yield opened
    for engine in reversed(opened):
        engine.close()


@pytest.mark.parametrize(("ledger", "equal"), [(lambda kept: kept, True), (ForgetfulHistory, False)])
def test_without_the_ledgers_word_purchases_offered_twice_would_show(engines, tmp_path, ledger, equal):
    bus, history, knowledge = engines
    ports = GraphPorts(bus, ledger(history), knowledge, FileObjects(tmp_path / "objects"), SystemClock())
    repair(ports)
    bought = [PurchaseRecorded(**purchase(number)) for number in range(1, 21)]
    messages = [encode(Envelope("s", b.purchase_id, b.user_id, "2026-07-01T10:00:00Z", b)) for b in bought]

    bus.publish(messages)
    bus.publish(messages)
    catch_up(ports)

    assert equal == verify(ports).equal
