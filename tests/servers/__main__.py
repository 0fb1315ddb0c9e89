"""`make engines` and `make engines-down`: start every server for a developer's own use, and end exactly those."""

from __future__ import annotations

import json
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from servers.catalogue import SERVERS, Entry
from servers.process import Server, end

HOME = Path(".engines")
STATE = HOME / "running.json"


def up() -> None:
    """Install, start, wait, print; does nothing if they run already."""
    if STATE.exists():
        sys.exit(f"they run already ({STATE}); `make engines-down` ends them")
    began = time.monotonic()
    HOME.mkdir(exist_ok=True)
    with ThreadPoolExecutor(len(SERVERS)) as pool:
        starting = {name: pool.submit(_start, entry) for name, entry in SERVERS.items()}
    failed = {name: error for name, one in starting.items() if (error := one.exception())}
    running = [one.result() for name, one in starting.items() if name not in failed]
    STATE.write_text(json.dumps({server.name: server.pid for server in running}))
    if failed:
        down()
        sys.exit("\n".join(f"{name}: {error}" for name, error in failed.items()))
    for server in sorted(running, key=lambda one: one.name):
        print(f"{SERVERS[server.name].variable}={server.url}")  # noqa: T201
    print(f"# {len(running)} servers ready in {time.monotonic() - began:.0f} s; `make engines-down` ends them")  # noqa: T201


def down() -> None:
    """End what `up` started, by process id, and remove its files."""
    if not STATE.exists():
        sys.exit("nothing was started here")
    for name, pid in json.loads(STATE.read_text()).items():
        end(pid)
        print(f"ended {name}")  # noqa: T201
    shutil.rmtree(HOME)


def _start(entry: Entry) -> Server:
    entry.install()
    home = (HOME / entry.name).resolve()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    return entry.start(home)


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()
