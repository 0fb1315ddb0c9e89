"""One real shop's purchases through five processes on real servers, and through one on files: the same graph."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from servers.process import free_port

from services.embedded.demo import purchases
from shared.auth import create_key
from shared.bus.kafka import KafkaBus
from shared.bus.kafka_cluster import cluster
from shared.clock import SystemClock
from shared.config import Settings
from shared.contracts.codec import decode
from shared.contracts.topics import BOARDS, COMMERCE, EMAILS
from shared.engines import open_history

ROOT = Path(__file__).parents[2]
AT, HOUSEHOLDS, CHUNK = "2025-12-31T00:00:00Z", 8, 200
LATER = timedelta(days=2922)  # the year 2017, as if it were 2025: the intake takes nothing older than five years
SIGNING = "s" * 40
SERVICES = ("ingest", "graph", "email", "visionboard", "gateway")

pytestmark = [pytest.mark.nightly, pytest.mark.servers, pytest.mark.timeout(600)]


@dataclass
class Running:
    """A runtime at work, as its users see it."""

    intake: str
    gateway: str
    key: str
    verify: Callable[[], dict[str, Any]]
    refresh: Callable[[], object]

    def call(self, url: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        """Return the status and the body of an answer."""
        data = None if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **headers}
        request = urllib.request.Request(url, data, sent)  # noqa: S310 (the server under test)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 (as above)
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def ask(self, path: str, body: Any = None, **headers: str) -> Any:
        """Return what the gateway answers, which must be good."""
        status, answer = self.call(f"{self.gateway}{path}", body, **headers)
        assert status in {200, 201}, (path, status, answer[:500])
        return json.loads(answer)


def start(module: str, *words: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", "-m", module, *words]
    settings = {"TASTEGRAPH_SIGNING_KEY": SIGNING, "TASTEGRAPH_LOG_FORMAT": "json", **environment}
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, **settings})


def end(process: subprocess.Popen[str]) -> None:
    """End a process as an orchestrator does; it must end well, and in time."""
    process.send_signal(signal.SIGTERM)
    with process:
        assert process.wait(25) == 0


@contextmanager
def embedded(data: Path) -> Iterator[Running]:
    server = start("services", "serve", "--data", str(data), "--port", "0")
    try:
        url = server.stdout.readline().split()[1]
        key = command("keys", "create", "--data", data, "--shop", "demo", "--scope", "admin").strip()
        yield Running(
            url, url, key, lambda: json.loads(command("graph", "verify", "--data", data, "--json")), refresher(data)
        )
    finally:
        end(server)


def command(*words: str | Path, **environment: str) -> str:
    run = [sys.executable, "-W", "ignore", "-m", "services", *map(str, words)]
    env = {**os.environ, **environment}
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refresher(data: Path | None, **environment: str) -> Callable[[], object]:
    """Return what derives neighbours and popularity anew from all that the graph holds by then, as an import does."""
    where = f"Path({str(data)!r})" if data else "None"
    program = (
        "from pathlib import Path; from services.embedded.commands.asking import lines; "
        f"list(lines({where}, 'refresh', shop='demo'))"
    )
    run = [sys.executable, "-W", "ignore", "-c", program]
    return lambda: subprocess.run(run, cwd=ROOT, check=True, timeout=120, env={**os.environ, **environment})


@contextmanager
def distributed(environment: dict[str, str], data: Path) -> Iterator[Running]:
    """Start each service alone; every one of them says when it is ready."""
    command("topics", "apply", **environment)
    settings = Settings(**{name.removeprefix("TASTEGRAPH_").lower(): text for name, text in environment.items()})
    with ExitStack() as ending:
        processes, ports = {}, {name: (free_port(), free_port()) for name in SERVICES}
        for name, (http, operations) in ports.items():
            own = {"TASTEGRAPH_PORT": str(http), "TASTEGRAPH_OPERATIONS_PORT": str(operations)}
            processes[name] = start(f"services.{name}", **environment, **own)
            ending.callback(end, processes[name])
        for name, (_, operations) in ports.items():
            wait_until_ready(processes[name], f"http://127.0.0.1:{operations}/readyz")
        history = open_history(settings)
        ending.callback(history.close)
        key, _ = create_key(history, "demo", ("admin",), "test", SystemClock())
        intake, gateway = (f"http://127.0.0.1:{ports[name][0]}" for name in ("ingest", "gateway"))
        own = {**environment, "TASTEGRAPH_DATA": str(data)}
        yield Running(
            intake,
            gateway,
            key,
            lambda: json.loads(command("graph", "verify", "--json", **own)),
            refresher(None, **own),
        )


def wait_until_ready(process: subprocess.Popen[str], url: str) -> None:
    deadline, said = time.monotonic() + 90, ""
    while time.monotonic() < deadline:
        assert process.poll() is None, "the service has ended"
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 (the process under test)
                return
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode()
        except OSError as error:
            said = str(error)
        time.sleep(0.2)
    raise AssertionError(f"{url} is not ready: {said}")


def settled(ask: Callable[[], Any], seconds: float) -> Any:
    """Return what is answered once it has been the same for a while: derived knowledge follows the events."""
    last, since, deadline = ask(), time.monotonic(), time.monotonic() + seconds
    while time.monotonic() < since + 6:
        assert time.monotonic() < deadline, "it never settled"
        time.sleep(0.5)
        if (now := ask()) != last:
            last, since = now, time.monotonic()
    return last


def advised(running: Running, users: list[str]) -> list[Any]:
    """Return users' recommendations, each with its decision's id, which names the very reading that it rests on."""
    return [running.ask(f"/v1/users/{user}/recommendations?at={AT}") for user in users]


@dataclass
class Outcome:
    """What came out of a runtime."""

    digest: Any
    recommendations: list[Any]
    email: dict[str, bytes]
    board: Any
    campaign: Any


def lived(running: Running, shop: list[dict[str, Any]]) -> Outcome:
    """Send a shop's purchases, and ask for what is made of them."""
    for first in range(0, len(shop), CHUNK):
        status, answer = running.call(f"{running.intake}/v1/purchases", shop[first : first + CHUNK])
        assert status == 202, answer[:500]
    users = sorted({each["user_id"] for each in shop})[:5]
    report = settled(running.verify, 240)
    assert report["equal"]
    assert worked_on(running, "verify") == worked_on(running, "rebuild")
    running.refresh()
    recommendations = settled(lambda: advised(running, users), 120)
    email = running.ask("/v1/emails", {"user_id": users[0], "at": AT, "campaign": "story", "period": "2025"})
    board = running.ask("/v1/boards", {"user_id": users[0], "at": AT})
    parts = {
        name: running.call(f"{running.gateway}/v1/emails/{email['email_id']}/{name}")[1] for name in ("html", "text")
    }
    drawn = running.ask(f"/v1/boards/{board['board_id']}/json")
    assert drawn.pop("board_id") == board["board_id"]  # without an Idempotency-Key each board has an id of its own
    return Outcome(report["ledger"], recommendations, parts, drawn, campaigned(running, [*users, "stranger"]))


def worked_on(running: Running, work: str) -> Any:
    """Have the graph service verify or rebuild the graph; return what it says of the shop."""
    status, begun = running.call(f"{running.gateway}/v1/graph/{work}", {})
    assert status == 202, begun
    path, deadline = f"/v1/jobs/{json.loads(begun)['job_id']}", time.monotonic() + 120
    while (told := running.ask(path))["status"] == "pending":
        assert time.monotonic() < deadline, told
        time.sleep(0.2)
    assert told["result"]["equal"], told
    return told["result"]


def campaigned(running: Running, users: list[str]) -> Any:
    """Return what became of a campaign for a list and of each of its members."""
    asked = {"campaign": "story", "period": "2026", "segment": {"users": users}}
    status, begun = running.call(f"{running.gateway}/v1/campaigns", asked)
    assert status == 202, begun
    path, deadline = f"/v1/campaigns/{json.loads(begun)['id']}", time.monotonic() + 120
    while (told := running.ask(path))["status"] != "done":
        assert time.monotonic() < deadline, told
        time.sleep(0.2)
    lines = running.call(f"{running.gateway}{path}/result")[1].splitlines()
    assert len(users) == len(lines)
    return {name: told[name] for name in ("expected", "made", "skipped", "failed", "reasons")}


@pytest.fixture(scope="module")
def servers(start_server, kafka_url, mongodb_url, s3_url, redis_url):
    """The settings of the distributed runtime, with a log and a history of its own."""
    mongodb = urlsplit(mongodb_url)._replace(path=f"/story-{uuid.uuid4().hex[:8]}").geturl()
    return {
        "TASTEGRAPH_BUS_URL": f"{kafka_url}/{uuid.uuid4().hex[:8]}.",
        "TASTEGRAPH_KNOWLEDGE_URL": start_server("neo4j").url,
        "TASTEGRAPH_HISTORY_URL": mongodb,
        "TASTEGRAPH_OBJECTS_URL": s3_url,
        "TASTEGRAPH_COUNTERS_URL": redis_url,
    }


def test_both_runtimes_make_the_same_graph_of_the_same_purchases(servers, tmp_path):
    shop = list(islice(purchases(HOUSEHOLDS, LATER), 1500))
    with embedded(tmp_path / "data") as running:
        expected = lived(running, shop)
    with distributed(servers, tmp_path / "none") as running:
        found = lived(running, shop)
    assert expected.digest == found.digest
    assert expected.recommendations == found.recommendations
    assert expected.email == found.email
    assert expected.board == found.board
    assert expected.campaign == found.campaign
    assert (5, {"unknown-user": 1}) == (found.campaign["made"], found.campaign["reasons"])
    assert {one["served_by"] for one in found.recommendations} == {"personal"}
    settings = Settings(bus_url=servers["TASTEGRAPH_BUS_URL"])
    bus = KafkaBus(cluster(settings))
    assert bus.lag("graph", COMMERCE) == 0
    emails, [board] = (published(bus, topic) for topic in (EMAILS, BOARDS))
    assert len({each.data.email_id for each in emails}) == len(emails) == 1 + found.campaign["made"]
    assert found.email["html"] in {each.data.html.encode() for each in emails}
    assert board.data.board_id
    bus.administration.remove()
    bus.close()


def published(bus: KafkaBus, topic: str) -> list[Any]:
    return [decode(each.message) for end in bus.ends(topic) for each in bus.read(topic, end.partition, 0, 100)]
