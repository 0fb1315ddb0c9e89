"""A newcomer's way from a key to the first email, exactly as docs/api.md has it, in a shell, on a running server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTED = ("http://127.0.0.1:8080", ".venv/bin/tastegraph")


@pytest.fixture
def commands():
    """The first fenced block of the page: five lines to copy."""
    [block] = re.findall(r"\*\*From a key to the first email\.\*\*.*?```sh\n(.*?)```", read(), re.DOTALL)
    return block.strip().splitlines()


def read():
    return (ROOT / "docs/api.md").read_text()


@pytest.fixture
def server(tmp_path):
    """The address of a server on an empty directory, and the environment of a shell beside it."""
    env = {**os.environ, "TASTEGRAPH_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-m", "services", "serve", "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=env, **pipes) as process:
        try:
            yield process.stdout.readline().split()[1], env
        finally:
            process.send_signal(signal.SIGTERM)


def test_five_copied_commands_lead_from_a_key_to_the_first_email(commands, server):
    url, env = server
    here = (url, str(Path(sys.prefix) / "bin/tastegraph"))
    script = "\n".join(commands)
    for documented, real in zip(DOCUMENTED, here, strict=True):
        assert documented in script
        script = script.replace(documented, real)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("\n", "\necho\n")],
        env=env, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    profile, offers, email = (json.loads(line) for line in done.stdout.strip().splitlines()[-3:])
    assert 5 == len(commands)
    assert ("ann", "tea") == (profile["user_id"], offers["buy_again"][0]["product_id"])
    assert ("ann", True) == (email["user_id"], "Green Tea" in json.dumps(email["products"]))
