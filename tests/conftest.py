"""Real servers for the tests that ask for them: each is started once, when the first test wants it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from servers.catalogue import SERVERS
from servers.install import MissingToolError
from servers.process import Server

# Servers that live for minutes are not worth the thorough compiler: it takes as much processor time as all the rest.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")

_MISSED = "what needs "  # begins the reason of what is skipped for want of a server
_SLOW, _SERVERS = 200, 2  # about how many others such a test takes as long as
_STARTING = 300  # seconds for a test that wants a real server: the first one to ask waits for its start, too


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give what needs a real server the time of its start; a time of its own, where a test names one, counts."""
    for item in items:
        if item.get_closest_marker("servers") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_STARTING))
    _dearest_first(items)


def _dearest_first(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: two processes that share them out end at about the same time."""
    costs: Counter[Path] = Counter()
    for item in items:
        slow, servers = (item.get_closest_marker(name) is not None for name in ("slow", "servers"))
        costs[item.path] += _SLOW if slow else _SERVERS if servers else 1
    items.sort(key=lambda item: -costs[item.path])


@pytest.fixture(autouse=True)
def own_logs() -> Iterator[None]:
    """Let a test that sets logging up do so for itself alone: what it wrote to is closed when it ends."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def install_server() -> Callable[[str], None]:
    """Install a server for a test that starts it by itself; without it the test is skipped, and in CI it fails."""

    def install(name: str) -> None:
        try:
            SERVERS[name].install()
        except MissingToolError as error:
            _missing(name, error)

    return install


def _missing(name: str, error: MissingToolError) -> None:
    if "CI" in os.environ:
        pytest.fail(f"{name} is wanted, and {error}")
    pytest.skip(f"{_MISSED}{name} ({error})")


@contextmanager
def _starting(homes: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    with ExitStack() as running:

        def start(name: str, **options: Any) -> Server:
            home: Path = homes.mktemp(name)
            try:
                server = SERVERS[name].start(home, **options)
            except MissingToolError as error:
                _missing(name, error)
            running.callback(server.stop)
            return server

        yield start


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Start one more server of a kind, for a test that will do it harm: `start_server("kafka")`; its file ends it."""
    with _starting(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def _start_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    with _starting(tmp_path_factory) as start:
        yield start


def _url_of(name: str) -> Callable[..., str]:
    @pytest.fixture(scope="session", name=f"{name}_url")
    def url(_start_for_all: Callable[..., Server]) -> str:
        return os.environ.get(SERVERS[name].variable) or _start_for_all(name).url

    return url


kafka_url = _url_of("kafka")
neo4j_url = _url_of("neo4j")
mongodb_url = _url_of("mongodb")
redis_url = _url_of("redis")
s3_url = _url_of("s3")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End by naming the servers that could not be had, and why: what needs them did not run."""
    reasons = {report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", ())}
    for reason in sorted(each for each in reasons if each.startswith(_MISSED)):
        terminalreporter.write_line(f"did not run: {reason}", yellow=True)
