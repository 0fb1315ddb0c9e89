"""An HTTP service that runs alone: gunicorn's processes, each with threads and engines of its own."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from apiflask import APIBlueprint
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from prometheus_client.multiprocess import mark_process_dead

from shared.config import Settings
from shared.engines import Engines, open_engines
from shared.listening import listening
from shared.metrics import SHARED
from shared.operations import door, operations
from shared.process import LONGEST_STOP, Needs, Service, Work, collect_seldom, ending
from shared.protection import protected
from shared.tracing import traced
from shared.web.app import create_app
from shared.web.connections import connections
from shared.web.receiving import Application, Deadlines, taking_in
from shared.web.roster import Roster
from shared.web.worker import Voice, Worker, bounded

_DRAIN = 14  # seconds for the requests in hand; a bounded wait for a reply fits in, and the consumers' end after it
_SILENT = 30  # a worker whose loop has not turned for so many seconds is replaced
_IDLE = 75  # a kept connection outlives the proxy's own (60 s): else one is closed just as the proxy sends
_MEMORY = Path("/dev/shm")  # noqa: S108 (private directories and unlinked files only)


class WebService(Service, Protocol):
    """A service that speaks HTTP."""

    @property
    def blueprints(self) -> Sequence[APIBlueprint]:
        """Its routes."""

    def unready(self) -> str | None:
        """Return what keeps this very process from its work, or none."""


W = TypeVar("W", bound=WebService)


def serve(name: str, title: str, build: Callable[[Engines], W], needs: Needs[W]) -> Work:
    """Return the work of a service that speaks HTTP: it answers until told to stop, and then finishes its answers."""

    def work(settings: Settings, stopping: threading.Event) -> None:
        _count_together()
        master = os.getpid()
        try:
            engines = open_engines(settings)  # what is wrong is said once, before there are processes to say it
            try:
                build(engines)
            finally:
                engines.close()
            front = Front(name, title, build, needs, settings)
            if not stopping.is_set():
                Arbiter(front).run()
        finally:
            if os.getpid() == master:  # a worker leaves by this way, too
                shutil.rmtree(os.environ[SHARED], ignore_errors=True)

    return work


def _count_together() -> None:
    """Begin this program anew with a place for the figures of all its processes: metrics look for it when imported."""
    if SHARED not in os.environ:
        os.environ[SHARED] = tempfile.mkdtemp(prefix="tastegraph-metrics-", dir=memory())
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (the very program that runs)


def memory() -> str:
    """Return a directory that costs no disk: a worker that must wait for one to say that it lives would be killed."""
    return str(_MEMORY) if os.access(_MEMORY, os.W_OK) else tempfile.gettempdir()


class Front(BaseApplication, Generic[W]):  # type: ignore[misc]
    """What gunicorn serves: made before the fork without a connection; each worker opens its own."""

    def __init__(
        self, name: str, title: str, build: Callable[[Engines], W], needs: Needs[W], settings: Settings
    ) -> None:
        """Take both ports.

        Raises:
            UnavailableError: one is in use.
        """
        self._name, self._title, self._build, self._needs, self.settings = name, title, build, needs, settings
        http = bounded(listening(settings.host, settings.port))
        self._url = f"http://{settings.host}:{http.getsockname()[1]}"
        self._operations = door(settings)
        self._http = http.detach()  # gunicorn's from here on: it closes the door when it ends
        self._roster = Roster(workers(settings))
        self._open = ExitStack()
        self._seat, self._first = 0, False
        self.deadlines = Deadlines(settings.receive_seconds)
        self.stopping = threading.Event()
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn how to serve."""
        hooks = {
            "pre_fork": self._seated,
            "post_fork": self._began,
            "post_worker_init": self._promised,
            "worker_exit": self._ended,
            "child_exit": self._left,
        }
        for name, value in {**options(self.settings, self._http), **hooks}.items():
            self.cfg.set(name, value)

    def load(self) -> Application:
        """Open a worker's engines and start its service."""
        self._open.enter_context(traced(self.settings, self._name))
        engines = protected(open_engines(self.settings))
        self._open.callback(engines.close)
        service = self._build(engines)
        ready = {**self._needs(engines, service), "workers": self._roster.missing, **ending(self.stopping)}
        app = create_app(self._title, engines, service.blueprints, ready, engines.breakers.states)
        self._open.enter_context(operations(self._operations, {}, ready, engines.breakers.states))
        service.start()
        self._open.callback(service.stop)
        self._open.enter_context(self._roster.attended(self._seat, service.unready))
        collect_seldom()
        return taking_in(app, self.deadlines, max(self.settings.max_bulk_body_bytes, self.settings.max_body_bytes))

    def _seated(self, arbiter: Any, worker: Any) -> None:
        worker.seat = self._roster.free({each.seat for each in arbiter.WORKERS.values()})

    def _began(self, _: Any, worker: Any) -> None:
        self._seat, self._first = worker.seat, worker.age == 1
        worker.cfg.set("graceful_timeout", _DRAIN)  # the master waits longer: for the consumers' end, too

    def _promised(self, _: Any) -> None:
        if self._first:
            print(f"ready {self._url}", flush=True)  # noqa: T201 (whoever started it waits for this line)

    def _ended(self, _: Any, __: Any) -> None:
        self._open.close()

    def _left(self, _: Any, worker: Any) -> None:
        self._roster.tell(worker.seat, ready=False)
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def workers(settings: Settings) -> int:
    """Return how many processes serve: engines in files or in memory belong to one."""
    urls = (settings.bus_url, settings.history_url, settings.knowledge_url, settings.objects_url, settings.counters_url)
    return 1 if any(urlsplit(url).scheme in {"file", "memory"} for url in urls) else settings.web_workers


def options(settings: Settings, http: int) -> dict[str, Any]:
    """Return gunicorn's settings; what is left out is at its default, `max_requests` (off) and `preload_app` too."""
    return {
        "bind": f"fd://{http}",
        "workers": workers(settings),
        "worker_class": Worker,
        "threads": settings.web_threads,
        "worker_connections": connections(),
        "worker_tmp_dir": memory(),
        "timeout": _SILENT,
        "graceful_timeout": int(LONGEST_STOP) - 1,
        "keepalive": _IDLE,
        "limit_request_line": 8190,
        "limit_request_fields": 64,
        "limit_request_field_size": 8190,
        "forwarded_allow_ips": "",  # links are made with the public URL; nobody's headers count
        "control_socket_disable": True,
        "logger_class": Voice,
        "proc_name": "tastegraph",
    }
