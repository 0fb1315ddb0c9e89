"""A large file is read and validated in a child process: the same batches come of it, and it never outlives us."""

from __future__ import annotations

import json
import multiprocessing
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.embedded.preparing import BATCH, Job, is_large, prepared, prepared_apart
from shared.contracts.codec import decode
from shared.errors import UnavailableError, UsageError

ROOT = Path(__file__).parents[2]


def purchase(number: int) -> str:
    line = {"product_id": f"p{number % 7}", "quantity": 2, "unit_price": "1.50"}
    bought = {"purchase_id": f"n{number}", "user_id": "ann", "purchased_at": "2026-05-03T10:00:00Z", "lines": [line]}
    return json.dumps(bought | {"currency": "Taler" if number % 10 == 0 else "EUR"})


@pytest.fixture
def job(tmp_path):
    file = tmp_path / "purchases.ndjson"
    file.write_text("not JSON\n" + "".join(purchase(number) + "\n" for number in range(1, 2 * BATCH)))
    return Job("s", "purchases", file, {}, {})


def told(batches) -> list:
    """What batches say, without the moment at which they were made."""
    return [
        [(item.row, item.ready and decode(item.ready.message).data, item.lines, item.problem) for item in batch]
        for batch in batches
    ]


@pytest.mark.parametrize("start", [0, BATCH + 3])
def test_a_child_prepares_the_same_batches_in_the_same_order(job, start):
    here = told(prepared(job, job.open(), start, lambda: datetime.now(UTC)))

    assert here == told(prepared_apart(job, start))
    assert [item[0] for batch in here for item in batch] == list(range(start + 1, 2 * BATCH + 1))
    assert {None} == {item[1] for batch in here for item in batch if item[3]}


def test_only_a_large_file_is_worth_a_child(job):
    assert not is_large(job)
    job.path.write_text(job.path.read_text() * 20)
    assert is_large(job)


def test_what_keeps_the_child_from_reading_is_said_here(job):
    job.path.unlink()

    with pytest.raises(UsageError, match="no such file"):
        list(prepared_apart(job, 0))


def test_a_child_that_is_ended_from_outside_is_no_end_of_the_file(job):
    job.path.write_text(job.path.read_text() * 20)
    batches = prepared_apart(job, 0)
    next(batches)
    (child,) = multiprocessing.active_children()
    child.kill()

    with pytest.raises(UnavailableError, match="again"):
        list(batches)


def test_whoever_stops_reading_ends_the_child(job):
    job.path.write_text(job.path.read_text() * 20)
    batches = prepared_apart(job, 0)
    next(batches)
    batches.close()

    assert [] == multiprocessing.active_children()


_KILLED = """
import multiprocessing, sys, time
from pathlib import Path
from services.embedded.preparing import Job, prepared_apart
if __name__ == "__main__":
    batches = prepared_apart(Job("s", "purchases", Path(sys.argv[1]), {}, {}), 0)
    next(batches)
    print(multiprocessing.active_children()[0].pid, flush=True)
    time.sleep(60)
"""


def test_a_child_ends_when_its_parent_is_killed(job, tmp_path):
    job.path.write_text(job.path.read_text() * 20)
    script = tmp_path / "killed.py"
    script.write_text(_KILLED)
    with subprocess.Popen(
        [sys.executable, script, job.path], stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT)}
    ) as parent:
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)

    deadline = time.monotonic() + 20
    while is_running(child):
        assert time.monotonic() < deadline, "the child outlives its parent"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
