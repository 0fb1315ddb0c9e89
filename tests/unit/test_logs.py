"""No log shows what it must not: unknown fields are dropped, tracebacks hold no values."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
from shared import logs
from shared.config import Settings

logs.configure(Settings(log_format="{form}"))
log = logs.logger("test")

def fail(contact):
    raise ValueError("it failed")

try:
    fail("can" + "ary@person.example")
except ValueError:
    log.exception("a handler failed")
log.info("made", email="can" + "ary@person.example", count=1)
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_log_shows_neither_local_variables_nor_fields_that_are_not_on_the_list(form):
    command = [sys.executable, "-c", SCRIPT.format(form=form)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert "it failed" in ran.stderr
    assert "made" in ran.stderr
    assert "canary" not in ran.stderr
    assert ran.stdout == ""
