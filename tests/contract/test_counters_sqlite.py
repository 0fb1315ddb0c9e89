"""What the counters of the embedded runtime guarantee beyond the others: what was put outlives the process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.counters.sqlite import SqliteCounters

ROOT = Path(__file__).parents[2]
KILLED = """
import os, signal, sys
from pathlib import Path
from shared.counters.sqlite import SqliteCounters

counters = SqliteCounters(Path(sys.argv[1]))
counters.add("claimed", b"running", 60)
for number in range(200):
    counters.put(f"k{number}", b"answer %d" % number, 60)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "answers.db"


def test_what_was_put_is_there_after_the_process_was_killed_and_what_it_claimed_is_free(path):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, check=False, timeout=60)
    assert -signal.SIGKILL == killed.returncode
    again = SqliteCounters(path)
    assert [b"answer %d" % number for number in range(200)] == [again.get(f"k{number}") for number in range(200)]
    assert again.add("k0", b"other", ttl=60) is False
    assert again.add("claimed", b"mine", ttl=60) is True
    again.close()


def test_what_expires_while_nobody_runs_is_gone_and_deleted(path):
    first = SqliteCounters(path)
    first.put("k", b"a person's answer", ttl=10)
    first.close()
    later = SqliteCounters(path, timer=lambda: time.time() + 11)
    assert later.get("k") is None
    assert later.add("k", b"new", ttl=10) is True
    later.close()
    assert b"a person's answer" not in path.read_bytes()


def test_the_file_stays_bounded_and_the_oldest_go_first(path):
    now = [1000.0]
    counters = SqliteCounters(path, max_bytes=100_000, timer=lambda: now[0])
    for number in range(400):
        now[0] += 1
        counters.put(f"k{number}", b"x" * 1000, ttl=10_000)
    counters.close()
    again = SqliteCounters(path, max_bytes=100_000, timer=lambda: now[0])
    kept = [number for number in range(400) if again.get(f"k{number}")]
    again.close()
    assert 50 < len(kept) <= 100
    assert kept == list(range(kept[0], 400))


def test_a_damaged_file_is_begun_anew(path):
    path.write_bytes(os.urandom(8192))
    counters = SqliteCounters(path)
    counters.put("k", b"v", ttl=60)
    counters.close()
    again = SqliteCounters(path)
    assert b"v" == again.get("k")
    again.close()


def test_a_file_that_takes_nothing_more_leaves_memory_to_stand_in(path):
    counters = SqliteCounters(path)
    counters._file.execute("PRAGMA query_only=ON")
    counters.put("k", b"v", ttl=60)
    assert b"v" == counters.get("k")
    assert counters.add("k", b"other", ttl=60) is False
    counters.close()
