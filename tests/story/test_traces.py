"""One request is one trace, whichever processes it goes through; nobody's data is in it."""

from __future__ import annotations

import json
import urllib.request
from contextlib import ExitStack, contextmanager

import pytest
from servers.process import free_port
from story.collector import collecting
from story.processes import ended, start, until_ready

from shared.auth import create_key
from shared.bus.kafka import KafkaBus
from shared.bus.kafka_cluster import cluster
from shared.clock import SystemClock
from shared.config import Settings
from shared.contracts.topics import PURCHASES
from shared.engines import open_history

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PERSONAL = "anna-person", "Unmistakable", "order-of-anna"
PURCHASE = {
    "purchase_id": PERSONAL[2],
    "user_id": PERSONAL[0],
    "purchased_at": "2026-01-02T10:00:00Z",
    "currency": "EUR",
    "lines": [{"product_id": PERSONAL[1], "quantity": 1, "unit_price": "2.50", "name": PERSONAL[1]}],
}


def post(url, key, body, **headers):
    sent = {"Content-Type": "application/json", "Authorization": f"Bearer {key}", **headers}
    request = urllib.request.Request(url, json.dumps(body).encode(), sent)  # noqa: S310 (the service under test)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 (as above)
        return answer.status, answer.headers["traceresponse"], json.loads(answer.read())


@contextmanager
def embedded(request, collector):
    data = request.getfixturevalue("tmp_path") / "data"
    server = start("services", "serve", "--data", data, otlp_endpoint=collector.url)
    url = server.stdout.readline().split()[1]
    scopes = ("--scope", "admin")
    key, _ = start("services", "keys", "create", "--data", data, "--shop", "s", *scopes).communicate()
    yield url, url, key.strip()
    code, _, said = ended(server)
    assert code == 0, said


@contextmanager
def distributed(request, collector):
    settings = request.getfixturevalue("real_servers")
    bus, history = KafkaBus(cluster(Settings(**settings))), open_history(Settings(**settings))
    with ExitStack() as ending:
        ending.callback(bus.close)
        ending.callback(history.close)
        key, _ = create_key(history, "s", ("admin",), "test", SystemClock())
        ports = {}
        for name in ("ingest", "graph", "email", "gateway"):
            ports[name] = {"port": free_port(), "operations_port": free_port()}
            process = start(f"services.{name}", otlp_endpoint=collector.url, web_workers=1, **ports[name], **settings)
            ending.callback(ended, process)
        for each in ports.values():
            until_ready(each["operations_port"], 90)
        intake, gateway = (f"http://127.0.0.1:{ports[name]['port']}" for name in ("ingest", "gateway"))
        yield intake, gateway, key
        told = [record for end in bus.ends(PURCHASES) for record in bus.read(PURCHASES, end.partition, 0, 10)]
        assert dict(told[0].message.headers)["traceparent"].decode().split("-")[1] == TRACE


RUNTIMES = [embedded, pytest.param(distributed, marks=[pytest.mark.servers, pytest.mark.slow])]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_purchase_and_an_email_are_one_trace_each_from_http_to_the_last_reply(request, runtime):
    with collecting() as collector, runtime(request, collector) as (intake, gateway, key):
        status, told, _ = post(f"{intake}/v1/purchases", key, PURCHASE, traceparent=f"00-{TRACE}-{PARENT}-01")
        assert (202, TRACE) == (status, told.split("-")[1])
        assert collector.until(lambda: "process commerce.purchases.v1" in names(collector.trace(TRACE)))
        status, told, _ = post(f"{gateway}/v1/emails", key, {"user_id": PERSONAL[0]}, **{"X-Request-Id": "r-1"})
        email = told.split("-")[1]
        assert collector.until(lambda: "process gateway.replies.v1" in names(collector.trace(email)))
        assert collector.until(lambda: "POST /v1/emails" in names(collector.trace(email)))

    bought, wrote = collector.trace(TRACE), collector.trace(email)
    assert {"POST /v1/purchases", "bus.publish", "history.record"} <= names(bought)
    assert {"process marketing.email-requests.v1", "knowledge.insight", "bus.publish"} <= names(wrote)
    assert joined(bought, PARENT)
    assert joined(wrote, "")
    [asked] = [span for span in wrote if span.name == "POST /v1/emails"]
    assert ("r-1", "/v1/emails") == (asked.attributes["tastegraph.correlation_id"], asked.attributes["http.route"])
    if runtime is distributed:
        assert {"tastegraph-ingest", "tastegraph-graph"} == {span.service for span in bought}
        assert {"tastegraph-gateway", "tastegraph-email"} == {span.service for span in wrote}
    assert not [word for word in PERSONAL if word.encode() in collector.bytes]


def names(spans):
    return {span.name for span in spans}


def joined(spans, root):
    """Whether every span stands below another one, and the first below `root`."""
    known = {span.id for span in spans}
    return [span.parent for span in spans if span.parent not in known] == [root]
