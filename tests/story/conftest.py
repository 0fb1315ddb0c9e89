"""Shops' clients: of the intake on a real log and history, and of the gateway with all services behind it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from services.email import wiring as email
from services.gateway import wiring as gateway
from services.graph import wiring as graph
from services.graph.handlers import entry_of
from services.ingest import wiring as ingest
from services.ingest.wiring import build
from services.visionboard import wiring as visionboard
from shared.auth import create_key
from shared.bus.kafka_cluster import cluster
from shared.bus.kafka_topics import Administration
from shared.bus.sqlite import SqliteBus
from shared.clock import FixedClock
from shared.config import Settings
from shared.contracts.codec import decode
from shared.contracts.topics import COMMERCE
from shared.counters.limits_memory import MemoryLimiter
from shared.engines import open_engines
from shared.history.sqlite import SqliteHistory
from shared.web.app import create_app


@pytest.fixture(scope="module")
def real_servers(kafka_url: str, neo4j_url: str, mongodb_url: str, s3_url: str, redis_url: str):
    """Settings of engines on real servers, with a log and a history of their own; the graph is everybody's."""
    own = uuid.uuid4().hex[:8]
    url = f"{kafka_url}/{own}."
    administration = Administration(cluster(Settings(bus_url=url)))
    administration.apply()
    yield {
        "bus_url": url,
        "knowledge_url": neo4j_url,
        "history_url": urlsplit(mongodb_url)._replace(path=f"/story-{own}").geturl(),
        "objects_url": s3_url,
        "counters_url": redis_url,
    }
    administration.remove()
    administration.close()


class Shop:
    """A shop's client, and what stands behind the intake."""

    now = datetime(2026, 11, 3, 10, tzinfo=UTC)
    limit = 200_000

    def __init__(self, client: FlaskClient, engines: Any) -> None:
        self.client, self.engines = client, engines
        self.key = self.key_for("events:write")

    def key_for(self, *scopes: str, shop: str = "demo") -> str:
        return create_key(self.engines.history, shop, scopes, "test", self.engines.clock)[0]

    def post(self, path: str, body: Any, **options: Any) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        return self.client.post(path, data=data, headers=headers, **{"content_type": "application/json", **options})

    def published(self, *topics: str) -> list[Any]:
        bus = self.engines.bus
        ends = [end for topic in topics or COMMERCE for end in bus.ends(topic)]
        return [record for end in ends for record in bus.read(end.topic, end.partition, 0, 10_000)]

    def recorded(self) -> list[str]:
        """Let the ledger know all that was published, as the graph service would; return what it made of it."""
        entries = [entry_of(decode(each.message), each.position) for each in self.published()]
        return [str(outcome) for outcome in self.engines.history.record(entries)]

    @staticmethod
    def order(id: str = "o1", **changes: Any) -> dict[str, Any]:
        line = {"product_id": "p1", "quantity": 1, "unit_price": 1.99}
        base = {"purchase_id": id, "user_id": "ann", "purchased_at": "2026-11-02T10:00:00Z", "currency": "EUR"}
        return {**base, "lines": [line], **changes}

    @staticmethod
    def cloud(data: Any, type: str = "purchase.recorded", **changes: Any) -> dict[str, Any]:
        head = {"specversion": "1.0", "type": f"com.tastegraph.{type}.v1", "source": "/elsewhere", "id": "1"}
        return {**head, "data": data, **changes}


@pytest.fixture
def shop(tmp_path: Path):
    bus, history = SqliteBus(tmp_path / "bus.db"), SqliteHistory(tmp_path / "history.db")
    settings, clock = Settings(max_bulk_body_bytes=Shop.limit), FixedClock(Shop.now)
    engines: Any = SimpleNamespace(bus=bus, history=history, settings=settings, clock=clock, limiter=MemoryLimiter())
    app = create_app("Intake", engines, build(engines).blueprints, {"bus": lambda: None})
    yield Shop(app.test_client(), engines)
    bus.close()
    history.close()


class Gateway:
    """All services in one process on files, and a client of them with a key of one shop."""

    signing = "s" * 40

    def __init__(self, directory: Path, wait: float = 20, *, projects: bool = True, **settings_too: Any) -> None:
        settings = Settings(
            data=directory,
            signing_key=SecretStr(self.signing),
            graph_memory_mb=256,
            reply_wait_seconds=wait,
            refresh_seconds=0,
            campaign_in_flight=4,
            **settings_too,
        )
        self.engines = open_engines(settings)
        self.gateway = gateway.build(self.engines)
        intake = ingest.build(self.engines)
        self.app = create_app("test", self.engines, [*intake.blueprints, *self.gateway.blueprints], {})
        self.client = self.app.test_client()
        self.makers: list[Any] = [email.build(self.engines), visionboard.build(self.engines)]
        self.running: list[Any] = [*([graph.build(self.engines)] if projects else []), self.gateway]
        for service in self.running:
            service.start()
        self.admin = self.key()

    def begin_making(self) -> None:
        for service in self.makers:
            service.start()
        self.running += self.makers

    def close(self) -> None:
        for service in self.running:
            service.stop()
        self.engines.close()

    def key(self, shop: str = "demo", *scopes: str) -> dict[str, str]:
        text, _ = create_key(self.engines.history, shop, scopes or ("admin",), "test", self.engines.clock)
        return {"Authorization": f"Bearer {text}"}

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers={**self.admin, **headers})

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(path, json=body, headers={**self.admin, **headers})

    def delete(self, path: str, **headers: str) -> Any:
        return self.client.delete(path, headers={**self.admin, **headers})

    def buy(self, user: str, *products: str, id: str = "") -> None:
        """Record a purchase of a user, and wait until the graph knows it."""
        lines = [
            {"product_id": one, "quantity": 1, "unit_price": "2.50", "name": one.title(), "categories": ["Food"]}
            for one in products
        ]
        now = self.engines.clock.now().isoformat()
        order = {"purchase_id": id or f"order-{user}", "user_id": user, "purchased_at": now, "currency": "EUR"}
        taken = self.post("/v1/purchases", {**order, "lines": lines})
        assert taken.status_code == 202, taken.json
        name = quote(user, safe="")
        self.eventually(lambda: self.get(f"/v1/users/{name}").status_code == 200)

    @staticmethod
    def eventually(holds: Callable[[], bool]) -> None:
        for _ in range(200):
            if holds():
                return
            time.sleep(0.05)
        raise AssertionError("it did not come to hold")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory):
    """The gateway of a shop with two customers, and every service at work."""
    one = Gateway(tmp_path_factory.mktemp("gateway"))
    one.begin_making()
    one.buy("ann", "milk", "bread", "tea")
    one.buy("bob", "bread", "tea", "apples")
    yield one
    one.close()


@pytest.fixture
def unanswered(tmp_path: Path):
    """A gateway whose requests nobody answers until `begin_making`."""
    one = Gateway(tmp_path, wait=0.05)
    yield one
    one.close()
