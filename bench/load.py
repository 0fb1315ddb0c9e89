"""The gateway under load: `python bench/load.py embedded|alone [seconds] [--stop neo4j,redis]`; see docs/benchmarks.md.

Capacity first (as many clients as a gateway has places for, each asking again at once), then ten times as many requests
a second as that, whatever becomes of them. `alone` is the gateway under gunicorn on real servers, which `--stop` pauses
in turn at half of capacity. The requests: 40 % profiles, 35 % recommendations, 20 % interests told, 5 % admin; a key's
own limits are off, unless `--limits` is given. `control`: what the same client meanwhile has of a trivial listener.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emails import entry_of
from load_client import Client
from load_figures import CONTROL, MIX, Told, summed

from services.embedded.demo import purchases
from services.graph.similarity import Refresher
from shared.auth import create_key
from shared.clock import SystemClock
from shared.config import Settings
from shared.engines import open_engines
from shared.knowledge.projection import complete, fold

ROOT = Path(__file__).parents[1]
TIMES = 10
CONTROLS = 50  # a second
WAITING = 2  # clients of a process beside those in work; with more, the first is refused now and then


@dataclass
class Target:
    """A gateway that runs: its port, how many clients it has places for, a key, its users, the servers behind it."""

    port: int
    clients: int
    key: str
    users: list[str]
    control: int = 0  # the port of a listener that answers at once
    pids: dict[str, int] = field(default_factory=dict)

    def request(self, kind: str) -> bytes:
        """Return a request of a kind, as it goes over the wire."""
        user = random.choice(self.users)  # noqa: S311 (who is asked about is no secret)
        body = b""
        match kind:
            case "profile":
                line = f"GET /v1/users/{user}"
            case "recommend":
                line = f"GET /v1/users/{user}/recommendations"
            case "write":
                line, body = f"POST /v1/users/{user}/interests", b'{"name": "cycling"}'
            case _:
                line = "GET /v1/keys"
        head = f"{line} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {self.key}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def kind() -> str:
    """Return what is asked next."""
    return random.choices([name for name, _ in MIX], [share for _, share in MIX])[0]  # noqa: S311 (no secret)


class Load:
    """What was asked in a phase, and what came of it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.idle: dict[int, list[Client]] = {target.port: [], target.control: []}
        self.told: list[Told] = []

    async def ask(self, kind: str) -> None:
        """Ask once, and note what comes of it."""
        port = self.target.control if kind == CONTROL else self.target.port
        idle = self.idle[port]
        client = idle.pop() if idle else None
        if client is None or not client.open:
            try:
                _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
            except OSError:
                self.told.append((kind, 0, False, 0.0, time.monotonic()))
                return
        client.answer = asyncio.get_running_loop().create_future()
        begun = time.monotonic()
        client.transport.write(self.target.request(kind))
        status, degraded = await client.answer
        now = time.monotonic()
        self.told.append((kind, status, degraded, now - begun, now))
        if client.open:
            idle.append(client)
        else:
            client.transport.close()

    async def by_clients(self, clients: int, seconds: float) -> None:
        """Ask from so many clients, each again as soon as it has its answer."""
        until = time.monotonic() + seconds

        async def one() -> None:
            while time.monotonic() < until:
                await self.ask(kind())

        await asyncio.gather(*(one() for _ in range(clients)))

    async def by_rate(self, rate: float, seconds: float, kind: Callable[[], str] = kind) -> None:
        """Ask so many times a second, whatever becomes of it."""
        begun, asked, asking = time.monotonic(), 0, set()
        while (now := time.monotonic()) < begun + seconds:
            while asked < (now - begun) * rate:
                one = asyncio.ensure_future(self.ask(kind()))
                asking.add(one)
                one.add_done_callback(asking.discard)
                asked += 1
            await asyncio.sleep(0.002)
        await asyncio.wait(asking, timeout=30) if asking else None


async def phase(name: str, target: Target, seconds: float, *, clients: int = 0, rate: float = 0) -> dict[str, Any]:
    """Run a phase and print its figures."""
    load = Load(target)
    asking = load.by_clients(clients, seconds) if clients else load.by_rate(rate, seconds)
    await asyncio.gather(asking, load.by_rate(CONTROLS, seconds, lambda: CONTROL))
    for client in (one for idle in load.idle.values() for one in idle):
        client.transport.close()
    found = summed(load.told, seconds)
    print(json.dumps({"phase": name, **found}), flush=True)
    return found


async def measure(target: Target, seconds: float, stop: list[str]) -> None:
    """Find the capacity, ask for ten times as much, and pause what is behind."""
    warming = 45 if target.pids else 5  # servers have compilers of their own
    await phase("warm-up", target, warming, clients=target.clients)
    capacity = await phase("capacity", target, 15, clients=target.clients)
    rate = capacity["good_per_s"]
    if seconds:
        over = await phase("ten times", target, seconds, rate=TIMES * rate)
        shares = {
            "goodput": round(over["good_per_s"] / rate, 2),
            "p99_times": round(over["p99_ms"] / capacity["p99_ms"], 2),
        }
        print(json.dumps(shares), flush=True)
        await asyncio.sleep(3)
    for name in stop:
        await phase(f"before {name} stops", target, 10, rate=rate / 2)
        os.kill(target.pids[name], signal.SIGSTOP)
        try:
            await phase(f"{name} stopped: the first two seconds", target, 2, rate=rate / 2)
            await phase(f"{name} stopped: after that", target, 15, rate=rate / 2)
        finally:
            os.kill(target.pids[name], signal.SIGCONT)
        await asyncio.sleep(3)
        await phase(f"{name} runs again", target, 10, rate=rate / 2)


def filled(settings: Settings) -> tuple[str, list[str]]:
    """Put a real shop into history and graph; return a key of it and its users."""
    engines = open_engines(settings)
    try:
        entries = [entry_of(purchase) for purchase in purchases(30)]
        engines.history.record(entries)
        engines.knowledge.load(complete(fold(entries)), [])
        Refresher(engines.knowledge, SystemClock(), 0).refresh("demo")
        key, _ = create_key(engines.history, "demo", ["admin"], "test", SystemClock())
        return key, list(engines.knowledge.users("demo", limit=100))
    finally:
        engines.close()


@contextmanager
def served(module: list[str], settings: dict[str, str], ready: int) -> Iterator[None]:
    """Run a gateway until the end."""
    environment = os.environ | {f"TASTEGRAPH_{name.upper()}": text for name, text in settings.items()}
    log = (Path(tempfile.gettempdir()) / "load-gateway.log").open("w")
    command = [sys.executable, "-m", *module]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        until_ready(process, ready)
        yield
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    """Return once it is ready."""
    for _ in range(600):
        try:
            if urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200:
                return
        except OSError:
            if process.poll() is not None:
                sys.exit("the gateway has ended")
        time.sleep(0.1)
    sys.exit("the gateway is not ready")


COMMON = {"signing_key": "k" * 40, "log_level": "warning", "log_format": "json"}
UNLIMITED = {f"limit_{each}": "" for each in ("read", "write", "make", "admin")}


@contextmanager
def controlled() -> Iterator[int]:
    """Run the trivial listener; return its port."""
    from servers.process import free_port

    port = free_port()
    command = [sys.executable, str(ROOT / "bench/load_control.py"), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            yield port
        finally:
            process.terminate()


@contextmanager
def embedded(common: dict[str, str]) -> Iterator[Target]:
    """All five services in one process, on files."""
    from servers.process import free_port

    with tempfile.TemporaryDirectory() as directory:
        port = free_port()
        key, users = filled(Settings(data=Path(directory), signing_key="k" * 40))
        given = {**common, "data": directory, "port": str(port)}
        with served(["services", "serve"], given, port):
            yield Target(port, Settings().web_working + WAITING, key, users)


@contextmanager
def alone(common: dict[str, str]) -> Iterator[Target]:
    """The gateway under gunicorn, in two processes, on real servers."""
    from servers.catalogue import SERVERS
    from servers.process import free_port

    variables = {"kafka": "bus", "neo4j": "knowledge", "mongodb": "history", "redis": "counters", "s3": "objects"}
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        given, pids = dict(common), {}
        for name, variable in variables.items():
            (home / name).mkdir()
            one = SERVERS[name].start(home / name)
            stack.callback(one.stop)
            given[f"{variable}_url"], pids[name] = one.url, one.pid
        settings = Settings(**given)
        environment = os.environ | {f"TASTEGRAPH_{name.upper()}": text for name, text in given.items()}
        subprocess.run([sys.executable, "-m", "services", "topics", "apply"], cwd=ROOT, env=environment, check=True)
        key, users = filled(settings)
        port, operations = free_port(), free_port()
        given |= {"port": str(port), "operations_port": str(operations)}
        with served(["services.gateway"], given, operations):
            yield Target(port, 2 * (Settings().web_working + WAITING), key, users, pids=pids)


def main() -> None:
    """Measure one runtime."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runtime", choices=["embedded", "alone"])
    parser.add_argument("seconds", type=float, nargs="?", default=60)
    parser.add_argument("--stop", default="")
    parser.add_argument("--limits", action="store_true")
    asked = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    common = COMMON | ({} if asked.limits else UNLIMITED)
    with controlled() as control, {"embedded": embedded, "alone": alone}[asked.runtime](common) as target:
        target.control = control
        asyncio.run(measure(target, asked.seconds, [one for one in asked.stop.split(",") if one]))


if __name__ == "__main__":
    main()
