"""The gateway over HTTP, with the real services behind the real bus."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from pydantic import SecretStr

from services.email import wiring as email
from services.gateway import wiring as gateway
from services.gateway.asking import Asker
from services.graph import wiring as graph
from services.ingest import wiring as ingest
from services.visionboard import wiring as visionboard
from shared.auth import create_key
from shared.config import Settings
from shared.contracts.codec import Envelope, encode
from shared.contracts.requests import BoardRequested, Replied, ReplyStatus
from shared.engines import open_engines
from shared.unsubscribe import sign
from shared.web.app import create_app
from shared.web.guard import scope_of

SIGNING = "s" * 40


class Shop:
    """The services in one process, and a client of them with a key of one shop."""

    def __init__(self, directory) -> None:
        settings = Settings(
            data=directory, signing_key=SecretStr(SIGNING), graph_memory_mb=64, reply_wait_seconds=20, refresh_seconds=0
        )
        self.engines = open_engines(settings)
        self.gateway = gateway.build(self.engines)
        intake = ingest.build(self.engines)
        self.app = create_app("test", self.engines, [*intake.blueprints, *self.gateway.blueprints], {})
        self.client = self.app.test_client()
        self.makers = [email.build(self.engines), visionboard.build(self.engines)]
        self.running = [graph.build(self.engines), self.gateway]
        for service in self.running:
            service.start()

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

    def impatient(self) -> None:
        """Let nobody wait for a reply."""
        asker = self.gateway.ports.asker
        asker._wait = 0.05


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.begin_making()
    lines = [
        {"product_id": f"p{n}", "quantity": 1, "unit_price": "2.50", "name": name, "categories": ["Food"]}
        for n, name in enumerate(["Milk", "Bread", "Apples", "Tea"])
    ]
    now = shop.engines.clock.now().isoformat()
    purchases = [
        {"purchase_id": f"b{n}", "user_id": user, "purchased_at": now, "currency": "EUR", "lines": lines[n : n + 3]}
        for n, user in enumerate(["ann", "bob"])
    ]
    key = shop.key()
    taken = shop.client.post("/v1/purchases", json=purchases, headers=key)
    assert (202, 2) == (taken.status_code, taken.json["accepted"]), taken.json
    eventually(lambda: shop.client.get("/v1/users/bob", headers=key).status_code == 200)
    yield shop
    shop.close()


def eventually(holds) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to hold")


def test_every_route_has_a_scope_or_is_marked_public(shop):
    unmarked = [rule.endpoint for rule in shop.app.url_map.iter_rules() if scope_of(shop.app, rule.endpoint) is None]
    assert unmarked == []


def test_a_user_is_shown_with_what_they_bought(shop):
    key = shop.key()
    assert shop.client.get("/v1/users", headers=key).json["items"][:2] == ["ann", "bob"]
    assert shop.client.get("/v1/users/ann", headers=key).json["products"] == 3
    purchases = shop.client.get("/v1/users/ann/purchases", headers=key).json["items"]
    assert ["b0"] == [each["id"] for each in purchases]
    for path in ("interests", "timeline", "recommendations", "similar"):
        assert 200 == shop.client.get(f"/v1/users/ann/{path}", headers=key).status_code, path


def test_another_shops_user_is_as_unknown_as_none(shop):
    key = shop.key("other")
    for path in ("", "/purchases", "/interests", "/timeline", "/recommendations", "/similar"):
        answers = [shop.client.get(f"/v1/users/{user}{path}", headers=key) for user in ("ann", "nobody")]
        assert [404, 404] == [each.status_code for each in answers]
        foreign, unknown = [{**each.json, "trace_id": ""} for each in answers]
        assert foreign == unknown


def test_products_trends_and_the_neighbourhood_are_shown(shop):
    key = shop.key()
    for path in (
        "/v1/products/p1",
        "/v1/products/p1/similar",
        "/v1/graph/neighbourhood?kind=user&id=ann",
        "/v1/trends?by=product&period=day",
        "/v1/deadletters",
    ):
        assert 200 == shop.client.get(path, headers=key).status_code, path
    assert 404 == shop.client.get("/v1/products/none", headers=key).status_code
    refused = shop.client.get("/v1/trends?by=colour", headers=key)
    assert (422, "/by") == (refused.status_code, refused.json["errors"][0]["pointer"])


def test_an_interest_told_here_reaches_the_graph(shop):
    key = shop.key()
    taken = shop.client.post("/v1/users/ann/interests", json={"name": "Cycling", "score": "0.9"}, headers=key)
    assert 202 == taken.status_code, taken.json
    path = "/v1/users/ann/interests"
    eventually(lambda: "Cycling" in [i["name"] for i in shop.client.get(path, headers=key).json["items"]])


def test_an_email_is_made_in_time_and_made_once_per_key(shop):
    headers = {**shop.key(), "Idempotency-Key": "k1"}
    first, again = (shop.client.post("/v1/emails", json={"user_id": "ann"}, headers=headers) for _ in range(2))
    assert 201 == first.status_code, first.json
    assert first.json == again.json
    where = first.headers["Location"]
    assert first.json["subject"] == shop.client.get(where, headers=headers).json["subject"]
    html = shop.client.get(f"{where}/html", headers=headers)
    assert ("text/html", True) == (html.mimetype, "sandbox" in html.headers["Content-Security-Policy"])
    assert "text/plain" == shop.client.get(f"{where}/text", headers=headers).mimetype
    assert 404 == shop.client.get(where, headers=shop.key("other")).status_code
    assert 200 == shop.client.get(f"/v1/decisions/{first.json['decision_id']}", headers=headers).status_code
    other = shop.client.post("/v1/emails", json={"user_id": "bob"}, headers=headers)
    assert 409 == other.status_code


def test_a_board_is_made_and_its_picture_shown(shop):
    key = shop.key()
    made = shop.client.post("/v1/boards", json={"user_id": "ann"}, headers=key)
    assert 201 == made.status_code, made.json
    for form in ("png", "webp"):
        picture = shop.client.get(f"{made.headers['Location']}/picture?format={form}", headers=key)
        assert (200, f"image/{form}") == (picture.status_code, picture.mimetype)
    refused = shop.client.post("/v1/boards", json={"user_id": "ann", "layout": "poster"}, headers=key)
    assert 422 == refused.status_code


def test_who_unsubscribes_gets_no_email_until_released(shop):
    key, link = shop.key(), f"/v1/unsubscribe/{sign('demo', 'bob', SIGNING)}"
    assert b"<form" in shop.client.get(link).data
    assert shop.engines.history.get("suppressions", "demo", "bob") is None
    assert 200 == shop.client.post(link, data={"List-Unsubscribe": "One-Click"}).status_code
    skipped = shop.client.post("/v1/emails", json={"user_id": "bob"}, headers=key)
    assert (200, "skipped", "suppressed") == (skipped.status_code, skipped.json["status"], skipped.json["reason"])
    assert 204 == shop.client.delete("/v1/suppressions/bob", headers=key).status_code
    assert 201 == shop.client.post("/v1/emails", json={"user_id": "bob"}, headers=key).status_code
    assert 404 == shop.client.get("/v1/unsubscribe/forged").status_code


def test_a_key_without_the_scope_is_refused(shop):
    key = shop.key("demo", "emails:read")
    assert 403 == shop.client.get("/v1/users/ann", headers=key).status_code
    assert 401 == shop.client.get("/v1/users/ann").status_code


def test_a_reply_that_comes_late_is_found_in_its_job(tmp_path):
    late = Shop(tmp_path)
    try:
        late.impatient()
        key = late.key()
        asked = late.client.post("/v1/boards", json={"user_id": "ann"}, headers=key)
        assert 202 == asked.status_code
        job = asked.headers["Location"]
        assert "pending" == late.client.get(job, headers=key).json["status"]
        late.begin_making()
        eventually(lambda: late.client.get(job, headers=key).json["status"] == "done")
        made = late.client.get(late.client.get(job, headers=key).json["location"], headers=key)
        assert 200 == made.status_code
        assert 404 == late.client.get(job, headers=late.key("other")).status_code
    finally:
        late.close()


def test_a_reply_of_another_shop_reaches_nobody(shop):
    asker: Asker = shop.gateway.ports.asker
    asker._open_job("demo", BoardRequested(request_id="theirs", user_id="ann"))
    reply = Replied(request_id="theirs", status=ReplyStatus.DONE)
    envelope = Envelope("other", "r1", "ann", "2026-05-03T10:00:00Z", reply)
    asker.on_reply(envelope)
    assert "pending" == shop.engines.history.get("jobs", "demo", "theirs").body["status"]
    assert shop.engines.history.get("jobs", "other", "theirs") is None
    shop.engines.bus.publish([encode(replace(envelope, shop="demo"))])
    eventually(lambda: shop.engines.history.get("jobs", "demo", "theirs").body["status"] == "done")


def test_a_body_that_is_not_json_is_refused(shop):
    answer = shop.client.post("/v1/emails", data="user_id=ann", headers=shop.key())
    assert (415, "application/problem+json") == (answer.status_code, answer.mimetype)


def test_a_body_over_the_usual_bound_is_refused(shop):
    large = '{"user_id": "' + "a" * (1 << 20) + '"}'
    answer = shop.client.post("/v1/emails", data=large, content_type="application/json", headers=shop.key())
    assert 413 == answer.status_code
