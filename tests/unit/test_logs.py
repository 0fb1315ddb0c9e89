"""No log shows what it must not: unknown fields are dropped, tracebacks hold no values."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.logs import FIELDS

ROOT = Path(__file__).parents[2]

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
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "it failed" in ran.stderr
    assert "made" in ran.stderr
    assert "canary" not in ran.stderr
    assert ran.stdout == ""


def calls_of_logs() -> Iterator[tuple[str, set[str]]]:
    """Yield where each line of a log is written, and with which fields."""
    for file in (file for folder in ("services", "shared") for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("_log."):
                yield f"{file.relative_to(ROOT)}:{node.lineno}", {each.arg for each in node.keywords if each.arg}


def test_no_line_of_a_log_has_a_field_that_would_be_dropped():
    told = list(calls_of_logs())
    assert len(told) > 50
    assert [(where, fields - FIELDS) for where, fields in told if fields - FIELDS] == []
