"""Shops' own templates, over HTTP and the real bus: drafted, previewed, published, used, and refused when broken."""

from __future__ import annotations

import json
import re
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from services.email import wiring as email
from services.email.sandbox.allowed import FILTERS, HTML, MACROS, MJML
from services.gateway import wiring as gateway
from services.graph import wiring as graph
from services.ingest import wiring as ingest
from shared.auth import create_key
from shared.config import Settings
from shared.contracts.templates import BUILT_IN, LONGEST
from shared.engines import open_engines
from shared.web.app import create_app

GUIDE = (Path(__file__).parents[2] / "docs" / "templates.md").read_text()
EXAMPLE = re.search(r"```jinja\n(.*?)```", GUIDE, re.DOTALL)[1]  # type: ignore[index]
DRAFT = {"subject": "{{ shop.name }}: spring", "preheader": "{{ products[0].name }} and more", "mjml": EXAMPLE}


def with_text(text: str) -> dict[str, str]:
    return {**DRAFT, "mjml": EXAMPLE.replace("{{ footer() }}", f"{text}{{{{ footer() }}}}")}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory):
    settings = Settings(
        data=tmp_path_factory.mktemp("shop"), signing_key=SecretStr("s" * 40), graph_memory_mb=256,
        reply_wait_seconds=30, refresh_seconds=0,
    )  # fmt: skip
    engines = open_engines(settings)
    intake, desk = ingest.build(engines), gateway.build(engines)
    running = [graph.build(engines), email.build(engines), desk]
    for service in running:
        service.start()
    client = create_app("test", engines, [*intake.blueprints, *desk.blueprints], {}).test_client()

    @cache
    def key(shop: str, *scopes: str) -> str:
        return create_key(engines.history, shop, scopes, "test", engines.clock)[0]

    def call(method: str, path: str, body: Any = None, shop: str = "demo", *scopes: str, **headers: str) -> Any:
        given = {"Authorization": f"Bearer {key(shop, *(scopes or ('admin',)))}", **headers}
        return client.open(path, method=method, json=body, headers=given)

    names = ["Milk & Honey", "Bread", "{{ Apples }}", "Tea"]
    lines = [
        {"product_id": f"p{n}", "quantity": 1, "unit_price": "2.50", "name": name, "categories": ["Food"]}
        for n, name in enumerate(names)
    ]
    now = engines.clock.now().isoformat()
    for n, user in enumerate(("ann", "bob")):
        purchase = {"purchase_id": f"b{n}", "user_id": user, "purchased_at": now, "currency": "EUR", "lines": lines[n:]}
        assert 202 == call("POST", "/v1/purchases", purchase).status_code
    for _ in range(200):
        if engines.knowledge.insight("demo", "nobody").candidates:
            break  # the graph holds it all, and what is popular has been refreshed
        time.sleep(0.05)
    yield SimpleNamespace(call=call, engines=engines)
    for service in reversed(running):
        service.stop()
    engines.close()


def drafted(shop: Any, name: str, draft: Any = None, **headers: str) -> Any:
    return shop.call("POST", f"/v1/templates/{name}", DRAFT if draft is None else draft, **headers)


def test_the_built_in_ones_are_listed_and_stay_as_they_are(shop: Any) -> None:
    listed = shop.call("GET", "/v1/templates").json["items"]

    assert list(BUILT_IN) == [each["name"] for each in listed if each["built_in"]]
    assert 409 == drafted(shop, "discover").status_code
    assert 409 == shop.call("POST", "/v1/templates/discover/versions/1/publish").status_code
    assert [1] == [each["version"] for each in shop.call("GET", "/v1/templates/discover").json["items"]]


def test_a_template_goes_from_draft_to_preview_to_published_to_an_email(shop: Any) -> None:
    made = drafted(shop, "spring")
    assert (201, 1, "draft") == (made.status_code, made.json["version"], made.json["status"]), made.json
    unpublished = shop.call("POST", "/v1/emails", {"user_id": "ann", "template": "spring"})
    draft = shop.call("POST", "/v1/emails", {"user_id": "ann", "template": "spring@1"})
    assert [(422, "/problems/invalid-input", "/template")] * 2 == [
        (each.status_code, each.json["type"], each.json["errors"][0]["pointer"]) for each in (unpublished, draft)
    ]

    before = shop.engines.history.find("emails", "demo").items
    preview = shop.call("POST", f"{made.headers['Location']}/preview", {"user_id": "bob"})
    shown = json.loads(preview.data)
    assert (200, "Demo: spring") == (preview.status_code, shown["subject"]), shown
    assert "Milk &amp; Honey" in shown["html"]
    assert before == shop.engines.history.find("emails", "demo").items
    assert [] == [one for end in shop.engines.bus.ends("marketing.emails.v1") if (one := end.offset) and one > 0]

    assert "published" == shop.call("POST", f"{made.headers['Location']}/publish").json["status"]
    email = shop.call("POST", "/v1/emails", {"user_id": "bob", "template": "spring"})
    assert (201, "spring", 1, None) == (
        email.status_code, email.json["template"], email.json["template_version"], email.json["fallback"],
    )  # fmt: skip
    text = shop.call("GET", f"{email.headers['Location']}/text").data.decode()
    assert "Milk & Honey" in text
    assert "/v1/unsubscribe/" in text


def test_a_new_version_serves_once_it_is_published_and_old_ones_stay(shop: Any) -> None:
    for subject in ("one", "two", "three"):
        drafted(shop, "news", {**DRAFT, "subject": subject})
    for version in (1, 2):
        shop.call("POST", f"/v1/templates/news/versions/{version}/publish")

    def subject(reference: str) -> str:
        return shop.call("POST", "/v1/emails", {"user_id": "bob", "template": reference}).json["subject"]

    assert ["two", "one", "two"] == [subject(each) for each in ("news", "news@1", "news@2")]
    shown = shop.call("GET", "/v1/templates/news").json
    assert [(3, "draft"), (2, "published"), (1, "published")] == [(v["version"], v["status"]) for v in shown["items"]]
    assert (3, 2) == (shown["latest"], shown["published"])
    assert EXAMPLE == json.loads(shop.call("GET", "/v1/templates/news/versions/3").data)["mjml"]


def test_the_same_request_makes_the_same_version_and_the_same_bytes(shop: Any) -> None:
    first, again = (drafted(shop, "once", **{"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json == again.json
    shop.call("POST", f"{first.headers['Location']}/publish")
    htmls = set()
    for _ in range(2):
        email = shop.call("POST", "/v1/emails", {"user_id": "ann", "template": "once@1"})
        htmls.add(shop.call("GET", f"{email.headers['Location']}/html").data)
    assert 1 == len(htmls)


def test_a_user_of_whom_nothing_is_known_is_served_and_it_is_said(shop: Any) -> None:
    made = drafted(shop, "spring-2")
    shop.call("POST", f"{made.headers['Location']}/publish")
    email = shop.call("POST", "/v1/emails", {"user_id": "nobody", "template": "spring-2"}).json
    assert "template" in email, email
    assert ("spring-2", "popular", "too-little-known") == (
        email["template"], email["fallback"], email["fallback_reason"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("draft", "pointer", "said"),
    [
        (with_text("{{ nope }}"), "/mjml", "line 18: UndefinedError: 'nope' is undefined"),
        (with_text("{% if %}"), "/mjml", "line 18"),
        (with_text("<mj-raw>x</mj-raw>"), "/mjml", "line 18: <mj-raw>"),
        (with_text("{% for a in range(9999) %}" * 3 + "{% endfor %}" * 3), "/mjml", "longer than 2 s"),
        ({**DRAFT, "mjml": EXAMPLE.replace("{{ footer() }}", "")}, "/html /text", "unsubscribe link is missing"),
        ({**DRAFT, "text": "no way out"}, "/text", "unsubscribe link is missing"),
        ({**DRAFT, "subject": "{{ buy_again[0].name }}"}, "/subject", "list object has no element 0"),
        ({**DRAFT, "subject": "{{ '' }}"}, "/subject", "empty"),
        (with_text("{% raw %}<mj-section><mj-column><mj-text>{{ x }}</mj-text></mj-column></mj-section>{% endraw %}"),
         "/html", "left over"),
    ],
)  # fmt: skip
def test_a_broken_template_is_refused_with_its_reason(shop: Any, draft: Any, pointer: str, said: str) -> None:
    refused = drafted(shop, "broken", draft)

    assert (422, "/problems/template-invalid") == (refused.status_code, refused.json["type"]), refused.json
    assert pointer.split() == [each["pointer"] for each in refused.json["errors"]]
    assert said in refused.json["errors"][0]["detail"]
    assert 404 == shop.call("GET", "/v1/templates/broken").status_code


def test_what_breaks_the_contract_is_refused(shop: Any) -> None:
    assert 422 == drafted(shop, "odd", {**DRAFT, "colour": "red"}).status_code
    assert 422 == drafted(shop, "Odd_Name").status_code
    assert 422 == shop.call("POST", "/v1/templates/discover/versions/1/preview", {}).status_code
    assert 422 == shop.call("POST", "/v1/emails", {"user_id": "ann", "template": "a@b@c"}).status_code
    assert 400 == drafted(shop, "odd", {**DRAFT, "mjml": "x" * (LONGEST + 1)}).status_code
    padded = {**DRAFT, "mjml": f"{EXAMPLE}<!--{'x' * (LONGEST - len(EXAMPLE) - 10)}-->"}
    assert 201 == drafted(shop, "odd", padded).status_code


def test_another_shops_template_is_as_unknown_as_none(shop: Any) -> None:
    drafted(shop, "mine")
    for method, path in (
        ("GET", "/v1/templates/{}"),
        ("GET", "/v1/templates/{}/versions/1"),
        ("POST", "/v1/templates/{}/versions/1/publish"),
        ("POST", "/v1/templates/{}/versions/1/preview"),
    ):
        body = {"user_id": "ann"} if "preview" in path else None
        answers = [shop.call(method, path.format(name), body, "other") for name in ("mine", "none")]
        foreign, unknown = [{**each.json, "trace_id": ""} for each in answers]
        assert (404, foreign) == (answers[0].status_code, unknown), path


def test_reading_and_writing_need_their_own_scopes(shop: Any) -> None:
    assert 403 == shop.call("GET", "/v1/templates", None, "demo", "templates:write").status_code
    assert 403 == shop.call("POST", "/v1/templates/x", DRAFT, "demo", "templates:read").status_code


def test_a_template_that_fails_for_somebody_gives_way_and_it_is_said(shop: Any) -> None:
    picky = {**DRAFT, "subject": "{% if not discover %}{{ nope }}{% else %}fine{% endif %}"}
    made = drafted(shop, "picky", picky)
    shop.call("POST", f"{made.headers['Location']}/publish")
    ann, bob = (shop.call("POST", "/v1/emails", {"user_id": user, "template": "picky"}).json for user in ("ann", "bob"))
    assert ("fine", None) == (bob["subject"], bob["fallback_reason"])
    assert "template-failed" == ann["fallback_reason"]
    assert ann["fallback"] == ann["template"] in BUILT_IN
    assert ann["products"]
    preview = shop.call("POST", f"{made.headers['Location']}/preview", {"user_id": ann["user_id"]})
    assert 422 == preview.status_code


def test_the_guide_lists_what_is_allowed_and_no_more() -> None:
    listed = re.search(r"<!-- allowed -->(.*?)<!-- end -->", GUIDE, re.DOTALL)[1]  # type: ignore[index]
    mjml, html, filters = (set(re.findall(r"`([^`]+)`", part)) for part in listed.strip().split("\n\n"))

    assert (MJML, HTML, FILTERS) == (mjml, html, filters)
    assert set(MACROS) == set(re.findall(r"^\| `(\w+)\(", GUIDE, re.MULTILINE))
