"""An import that is told to end, alone or inside a server: it ends in time, says so, and the next one goes on."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURCHASES, ENDINGS = 6_000, 3
SOON = 25.0  # seconds from SIGTERM to the end of a process


def purchase(number: int) -> dict:
    lines = [{"product_id": f"p{(number + at) % 97}", "quantity": 1, "unit_price": "2.50"} for at in range(3)]
    head = {"purchase_id": f"n{number}", "user_id": f"u{number % 61}", "currency": "EUR", "lines": lines}
    return {**head, "purchased_at": f"2026-0{1 + number % 6}-{1 + number % 28:02d}T10:00:00Z"}


def start(*words: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "services", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def answer(*words: str | Path) -> dict:
    process = start(*words)
    out, said = process.communicate(timeout=150)
    assert process.returncode == 0, said
    return json.loads(out)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=SOON)
    return process.returncode, said


def owner(data: Path) -> int:
    try:
        return int(json.loads((data / "owner.json").read_text())["pid"])
    except FileNotFoundError:
        return 0


def until_under_way(data: Path, process: subprocess.Popen[str], owning: int, chance: random.Random) -> None:
    """Wait until the owner has the directory and the import a resume point, and then for some moment more."""
    deadline = time.monotonic() + 60
    while process.poll() is None and (owner(data) != owning or not list((data / "imports").glob("*.json"))):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(chance.uniform(0.0, 0.4))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("served", [False, True], ids=["alone", "inside a server"])
def test_an_import_told_to_end_goes_on_where_it_was(tmp_path, served):
    file, data, chance = tmp_path / "purchases.ndjson", tmp_path / "data", random.Random(7)  # noqa: S311 (moments)
    file.write_text("".join(json.dumps(purchase(number)) + "\n" for number in range(PURCHASES)))
    words, interrupted = ("import", "--data", data, "--shop", "s", file, "--json"), 0
    for _ in range(ENDINGS):
        server = start("serve", "--data", data, "--port", "0") if served else None
        if server:
            assert server.stdout.readline().startswith("ready")
        process = start(*words)
        until_under_way(data, process, (server or process).pid, chance)
        code, said = end(server or process)
        if server:
            assert (0, False) == (code, "Traceback" in said)
            _, said = process.communicate(timeout=SOON)
            code = process.returncode
        interrupted += code == 1
        assert code in {0, 1}
        assert "Traceback" not in said
        assert code == 0 or "again" in said.splitlines()[-1]
    counts = answer(*words)
    report = answer("graph", "verify", "--data", data, "--json")

    assert interrupted, "no ending came while the import was under way"
    assert (PURCHASES, 0, 0) == (counts["accepted"] + counts["duplicates"], counts["conflicts"], counts["rejected"])
    assert report["equal"]
