"""The whole system on real servers, each behind a way through a proxy, so that connections can be cut and slowed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers import toxiproxy
from servers.catalogue import SERVERS
from servers.process import Server, free_port
from servers.toxiproxy import Proxy

from chaos.plan import SERVERS as BEHIND
from chaos.plan import WORKERS
from chaos.worker import ROOT, Worker
from shared.auth import create_key
from shared.clock import SystemClock
from shared.config import Settings
from shared.engines import Engines, open_engines

SHOPS = ("alpha", "beta")
_TEND_SECONDS = 1.0
_READY_SECONDS = 180.0
_MODULES = {"graph-1": "services.graph", "graph-2": "services.graph"}
_URLS = {"kafka": "BUS", "neo4j": "KNOWLEDGE", "mongodb": "HISTORY", "redis": "COUNTERS", "s3": "OBJECTS"}
_SETTINGS = {
    "TASTEGRAPH_SIGNING_KEY": "s" * 40,
    "TASTEGRAPH_LOG_FORMAT": "json",
    "TASTEGRAPH_REPLY_WAIT_SECONDS": "3",
    "TASTEGRAPH_REFRESH_SECONDS": "5",
    "TASTEGRAPH_GRAPH_BATCH": "50",  # small batches: more moments at which to be killed
}


@dataclass
class System:
    """What runs: servers by name, the ways to them, the services' processes, and a key for each shop."""

    home: Path
    servers: dict[str, Server]
    ways: dict[str, Proxy]
    environment: dict[str, str]
    workers: dict[str, Worker]
    keys: dict[str, str]

    def arm(self, point: str, what: str = "") -> Path:
        """Let whoever reaches a failpoint first die there, or kill what is named; return what lies there until then."""
        armed = self.home / "failpoints" / point
        armed.write_text(what)
        return armed

    def settings(self) -> Settings:
        """Return the settings of the services, for who looks at the same engines."""
        return Settings(**{name.removeprefix("TASTEGRAPH_").lower(): text for name, text in self.environment.items()})

    def engines(self) -> Engines:
        """Open the engines as the services do."""
        return open_engines(self.settings())

    def wait_until_ready(self) -> None:
        """Return when every service says that it is ready.

        Raises:
            TimeoutError: one does not.
        """
        deadline = time.monotonic() + _READY_SECONDS
        for worker in self.workers.values():
            while worker.answers("/readyz") != 200:
                if time.monotonic() > deadline:
                    worker.send(signal.SIGABRT)  # its threads' stacks go to its log
                    time.sleep(1)
                    raise TimeoutError(f"{worker.name} is not ready ({worker.said}); its log: {worker.log}")
                time.sleep(0.2)


@contextmanager
def running(home: Path, *, graph_module: str = "services.graph", through: str = "") -> Iterator[System]:
    """Start all of it, and end exactly that; the services run `through` a module of ours, if one is named."""
    (home / "failpoints").mkdir(parents=True)
    with ExitStack() as ending:
        servers, ways = _servers(home, ending)
        environment = {**_SETTINGS, "FAILPOINTS": str(home / "failpoints")} | {
            f"TASTEGRAPH_{_URLS[name]}_URL": servers[name].url.replace(f":{servers[name].port}", f":{way.port}")
            for name, way in ways.items()
        }
        _run("topics", "apply", environment=environment)
        workers = _workers(home, environment, graph_module, through)
        system = System(home, servers, ways, environment, workers, {})
        engines = system.engines()
        ending.callback(engines.close)
        system.keys = {shop: create_key(engines.history, shop, ("admin",), "test", SystemClock())[0] for shop in SHOPS}
        for worker in workers.values():
            worker.start()
            ending.callback(worker.end)
        with _tended(system):
            system.wait_until_ready()
            yield system


def _servers(home: Path, ending: ExitStack) -> tuple[dict[str, Server], dict[str, Proxy]]:
    ports = {name: free_port() for name in BEHIND}
    for name in (*BEHIND, "toxiproxy"):
        (home / name).mkdir(parents=True)
    proxy = toxiproxy.start(home / "toxiproxy")
    ending.callback(proxy.stop)
    options = {"kafka": {"advertised": ports["kafka"]}}  # else clients would go past the proxy
    with ThreadPoolExecutor(2) as pool:
        starting = {name: pool.submit(SERVERS[name].start, home / name, **options.get(name, {})) for name in BEHIND}
    servers: dict[str, Server] = {}
    for name, one in starting.items():
        if one.exception() is None:
            servers[name] = one.result()
            ending.callback(servers[name].stop)
    for one in starting.values():
        one.result()
    return servers, {name: Proxy.to(proxy, name, servers[name].port, ports[name]) for name in BEHIND}


def _workers(home: Path, environment: dict[str, str], graph_module: str, through: str) -> dict[str, Worker]:
    modules = {name: graph_module if name in _MODULES else f"services.{name}" for name in WORKERS}
    return {name: Worker(name, f"{through} {module}".strip(), environment, home) for name, module in modules.items()}


def _run(*words: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "services", *words]
    env = {**os.environ, **environment}
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60, env=env)


@contextmanager
def _tended(system: System) -> Iterator[None]:
    """Keep the services running meanwhile."""
    stopping = threading.Event()

    def tend() -> None:
        while not stopping.wait(_TEND_SECONDS):
            for worker in system.workers.values():
                worker.tend()

    thread = threading.Thread(target=tend, name="tending", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
