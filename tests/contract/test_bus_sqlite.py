"""What only the embedded bus can be asked: kill -9, full and failing disks, other processes, shared transactions."""

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from shared.bus.dispatch import batches
from shared.bus.port import Message
from shared.bus.sqlite import SqliteBus
from shared.contracts.topics import INTERESTS, PURCHASES, dead_letter_topic
from shared.errors import OutcomeUnknownError, UnavailableError

ROOT = Path(__file__).parents[2]

# Four threads publish, now one message, now five, and say on stdout what was acknowledged.
PUBLISHER = """
import itertools, random, sys, threading
from pathlib import Path
from shared.bus.port import Message
from shared.bus.sqlite import SqliteBus

bus, life = SqliteBus(Path(sys.argv[1])), sys.argv[2]

def publish(me):
    count = itertools.count()
    while True:
        values = [f"{life}-{me}-{next(count):06}" for _ in range(random.choice((1, 5)))]
        taken = bus.publish([Message("commerce.purchases.v1", b"shop|u", value.encode()) for value in values])
        lines = [f"{position.offset} {value}\\n" for position, value in zip(taken, values)]
        sys.stdout.write("".join(lines))
        sys.stdout.flush()

for me in range(4):
    threading.Thread(target=publish, args=(me,)).start()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bus.db"


@pytest.fixture
def bus(path):
    bus = SqliteBus(path)
    yield bus
    bus.close()


def message(value, topic=PURCHASES):
    return Message(topic, b"shop|u", value.encode())


def values(bus, topic=PURCHASES):
    return [record.message.value.decode() for record in bus.read(topic, 0, 0, 10**9)]


def publisher(path, life):
    return subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, path, str(life)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_kill_9_loses_nothing_that_was_acknowledged_and_leaves_no_gap(path):
    acknowledged = []
    for life in range(8):
        with publisher(path, life) as process:
            first = process.stdout.readline()
            time.sleep(random.uniform(0, 0.15))  # noqa: S311 (a moment to kill at, no secret)
            process.send_signal(signal.SIGKILL)
            lines = (first + process.stdout.read()).split("\n")[:-1]  # the last one may be torn
        acknowledged += [line.split() for line in lines]
    bus = SqliteBus(path)
    records = bus.read(PURCHASES, 0, 0, 10**9)
    bus.close()
    log = [record.message.value.decode() for record in records]
    assert list(range(len(log))) == [record.position.offset for record in records]
    assert len(acknowledged) > 100
    assert [value for _, value in acknowledged] == [log[int(offset)] for offset, _ in acknowledged]
    assert len(set(log)) == len(log)
    by_thread = {}
    for value in log:
        by_thread.setdefault(value.rsplit("-", 1)[0], []).append(value)
    assert all(sorted(mine) == mine for mine in by_thread.values())


def test_what_another_process_appends_is_found(path, bus):
    arrived = threading.Event()
    bus.subscribe("graph", [PURCHASES], lambda _: arrived.set())
    with publisher(path, 0) as process:
        assert arrived.wait(10)
        bus.publish([message("ours")])
        process.kill()
        process.stdout.read()
    log = values(bus)
    assert "ours" in log
    assert len(log) == bus.ends(PURCHASES)[0].offset


def test_a_log_made_anew_is_another_log(tmp_path):
    positions = []
    for name in ("one.db", "two.db"):
        bus = SqliteBus(tmp_path / name)
        positions += bus.publish([message("x")])
        bus.close()
    assert positions[0].offset == positions[1].offset == 0
    assert positions[0].log != positions[1].log


def test_concurrent_publishers_share_transactions(bus):
    commits = []
    bus._writer._db.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    threads = [
        threading.Thread(target=lambda: [bus.publish([message("x")]) for _ in range(50)], daemon=True)
        for _ in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bus.ends(PURCHASES)[0].offset == 1200
    assert len(commits) < 600


def test_a_batch_is_one_transaction(bus):
    commits = []
    bus._writer._db.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    bus.publish([message(str(n)) for n in range(1000)])
    assert commits == ["COMMIT"]


def test_commits_of_messages_reach_the_disk_before_publish_returns(bus):
    bus.publish([message("x")])
    assert bus._writer._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert bus._writer._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_full_disk_takes_nothing_and_is_recovered_from(bus):
    bus.publish([message("before")])
    (pages,) = bus._writer._db.execute("PRAGMA page_count").fetchone()
    bus._writer._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(UnavailableError) as caught:
        bus.publish([message("fits"), message("x" * 100_000, INTERESTS)])
    assert caught.type is UnavailableError
    assert (values(bus), values(bus, INTERESTS)) == (["before"], [])
    bus._writer._db.execute("PRAGMA max_page_count=1000000")
    bus.publish([message("after"), message("x" * 100_000, INTERESTS)])
    assert values(bus) == ["before", "after"]


class FailingCommit(sqlite3.Connection):
    """A connection whose disk fails at COMMIT, as often as it is told to."""

    failures = 0

    def execute(self, sql, *arguments):
        if sql == "COMMIT" and self.failures:
            self.failures -= 1
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *arguments)


@pytest.fixture
def failing(bus, path):
    bus._writer._db.close()
    bus._writer._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=FailingCommit)
    return bus._writer._db


def test_a_disk_that_fails_during_the_commit_leaves_the_outcome_unknown_and_is_recovered_from(bus, failing):
    failing.failures = 1
    with pytest.raises(OutcomeUnknownError):
        bus.publish([message("unknown")])
    bus.publish([message("after")])
    assert values(bus)[-1] == "after"
    assert len(values(bus)) == bus.ends(PURCHASES)[0].offset


def test_an_offset_that_could_not_be_written_is_written_later(bus, failing):
    bus.publish([message("x")])
    failing.failures = 1
    handled = threading.Event()
    bus.subscribe("graph", [PURCHASES], lambda _: handled.set())
    assert handled.wait(5)
    deadline = time.monotonic() + 5
    while failing.failures and time.monotonic() < deadline:
        time.sleep(0.01)
    assert bus.lag("graph", [PURCHASES]) == 1
    bus.publish([message("y", INTERESTS)])
    assert bus.lag("graph", [PURCHASES]) == 0


def test_a_stopped_subscription_has_written_where_it_stands(bus, monkeypatch):
    handled, transaction = threading.Event(), bus._writer._transaction

    def slow(*arguments):
        time.sleep(0.1)
        return transaction(*arguments)

    bus.publish([message("x")])
    monkeypatch.setattr(bus._writer, "_transaction", slow)
    subscription = bus.subscribe("graph", [PURCHASES], lambda _: handled.set())
    assert handled.wait(5)
    subscription.stop()
    assert bus.lag("graph", [PURCHASES]) == 0


def test_a_damaged_file_is_told_at_opening(path):
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(UnavailableError, match="not a database"):
        SqliteBus(path)


def test_a_file_of_a_newer_format_is_refused(path):
    SqliteBus(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(UnavailableError, match="format 99"):
        SqliteBus(path)


def test_what_is_forgotten_is_out_of_the_file_and_its_place_stays(bus, path):
    secret, others = [message(f"secret-{number}-{'s' * 20_000}") for number in range(3)], message("others")
    kept = bus.publish([*secret, Message(PURCHASES, b"shop|v", b"theirs"), others])
    now = bus.read(PURCHASES, 0, 0, 1)[0].appended_at
    assert 0 == bus.forget(b"shop|u", now)
    assert 4 == bus.forget(b"shop|u", now + 1_000)
    assert [None, None, None, b"theirs", None] == [each.message.value for each in bus.read(PURCHASES, 0, 0, 10)]
    assert [True, False] == [each.message.forgotten for each in bus.read(PURCHASES, 0, 2, 2)]
    assert kept[-1].offset + 1 == bus.publish([message("more")])[0].offset
    bus.close()
    assert b"secret-" not in b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_what_is_forgotten_is_handed_to_nobody_and_is_no_dead_letter(bus):
    bus.publish([message("gone")])
    bus.forget(b"shop|u", 1 << 60)
    bus.publish([Message(PURCHASES, b"shop|u", None)])  # said by somebody outside, and wrong
    seen = []
    handler = batches(lambda received: seen.extend(each.envelope for each in received), bus=bus, group="graph")
    subscription = bus.subscribe("graph", [PURCHASES], handler)
    deadline = time.monotonic() + 10
    while bus.lag("graph", [PURCHASES]) and time.monotonic() < deadline:
        time.sleep(0.01)
    subscription.stop()
    assert [None, None] == seen
    assert 1 == len(bus.read(dead_letter_topic(PURCHASES), 0, 0, 10))
