"""A process that is told to end: whatever it is at, it hears it."""

import os
import signal
import subprocess
import sys

TOLD = """
import os, signal, sys, time
from shared import process

process.LONGEST_STOP = 0.5
asked = process.told_to_stop()
{told}
print("heard", asked.wait(20), flush=True)
time.sleep({busy})
"""
END = "os.kill(os.getpid(), signal.SIGTERM)"


def ended(told, busy=0):
    command = [sys.executable, "-c", TOLD.format(told=told, busy=busy)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_process_that_is_told_to_end_just_as_it_begins_to_wait_hears_it():
    """Waiting for an event holds the event's lock for a moment: whoever sets it from a signal's handler stops there."""
    after = ended(f"with asked._cond: {END}; time.sleep(0.2)")
    assert (0, "heard True\n") == (after.returncode, after.stdout)


def test_a_process_whose_main_thread_does_not_notice_the_signal_hears_it():
    """One that comes between its last look and its wait finds nobody there, as one to another thread does."""
    elsewhere = "import threading; other = threading.Thread(target=time.sleep, args=(2,), daemon=True); other.start()"
    after = ended(f"{elsewhere}; threading.Timer(0.5, signal.pthread_kill, (other.ident, signal.SIGTERM)).start()")
    assert (0, "heard True\n") == (after.returncode, after.stdout)


def test_a_process_that_is_told_twice_ends_at_once():
    after = ended(f"{END}; asked.wait(20); {END}", busy=60)
    assert (128 + signal.SIGTERM) == after.returncode


def test_a_process_that_takes_too_long_to_end_is_cut_short():
    after = ended(END, busy=60)
    assert (0, True, True) == (after.returncode, "heard True" in after.stdout, "stop-cut-short" in after.stdout)


def test_a_process_whose_log_nobody_reads_is_cut_short_all_the_same():
    unread = f"gone, out = os.pipe(); os.dup2(out, 1); os.close(out); os.close(gone); {END}"
    command = [sys.executable, "-c", TOLD.format(told=unread, busy=60).replace("print(", "(lambda *_, **__: None)(")]
    assert subprocess.run(command, timeout=30, check=False).returncode == 0


SERVING = """
import gc, threading
from shared import process

class Nothing:
    start = stop = close = lambda self: None

process.open_engines = lambda settings: Nothing()
stopping = threading.Event()
threading.Timer(0.5, stopping.set).start()
process.consume("test", lambda engines: Nothing(), lambda engines, service: {})(process.load_settings(), stopping)
loaded = gc.get_freeze_count()
gc.collect()
print(loaded > 10 * len(gc.get_objects()), flush=True)
"""


def test_a_service_that_is_up_has_set_aside_what_it_has_loaded_so_that_nobody_waits_for_the_collector():
    environment = os.environ | {"TASTEGRAPH_OPERATIONS_PORT": "0"}
    command = [sys.executable, "-c", SERVING]
    after = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (0, "True\n") == (after.returncode, after.stdout), after.stderr
