"""An email request's way through the service: real graph, history, objects and bus."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.email import handlers
from services.email.handlers import Cap, EmailPorts, compose, handle
from services.email.keeping import kept
from services.email.sandbox.pool import Sandbox
from services.graph.similarity import Refresher
from shared.bus.port import Position
from shared.bus.sqlite import SqliteBus
from shared.clock import FixedClock
from shared.contracts.codec import Envelope, decode
from shared.contracts.events import Kind
from shared.contracts.requests import EmailGenerated, EmailRequested, EmailSkipped, ReplyStatus
from shared.contracts.topics import TOPIC_OF_TYPE
from shared.errors import NotFoundError
from shared.history.port import Entry
from shared.history.sqlite import SqliteHistory
from shared.knowledge.ladybug import LadybugKnowledge
from shared.knowledge.projection import fold
from shared.objects.files import FileObjects
from shared.unsubscribe import verify

NOW = datetime(2026, 11, 3, 10, tzinfo=UTC)
AT = 1_793_700_000_000
DAY = 86_400_000
KEY = "k" * 32
NASTY = "<script>alert(1)</script>"


def entry(kind: Kind, id: str, moment: int, user: str, **data: Any) -> Entry:
    text = json.dumps({"user_id": user} | data).encode()
    return Entry("demo", kind, id, "", Position("log", "t", 0, 0), user, None, moment, "", text)


def bought(id: str, user: str, days: int, *products: str) -> Entry:
    lines = [
        {"product_id": one, "quantity": "1", "unit_price": "1.5", "name": one, "categories": ["Food", f"{one} shelf"]}
        for one in products
    ]
    return entry(Kind.PURCHASE, id, AT - days * DAY, user, currency="EUR", lines=lines)


EVENTS = [
    bought("o1", "ann", 20, "Milk", "Bread"),
    bought("o2", "ann", 6, "Milk"),
    bought("o3", "bob", 5, "Milk", "Bread", "Cheddar", NASTY),
    bought("o4", "cat", 4, "Milk", "Cheddar"),
    bought("o5", "shy", 3, "Milk", "Cheddar"),
    entry(Kind.USER, "u1", AT - 9 * DAY, "shy", consent={"marketing": False}),
    entry(Kind.USER, "u2", AT - 9 * DAY, "cat", consent={"marketing": True}, locale="de-DE"),
]


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory):
    knowledge = LadybugKnowledge(tmp_path_factory.mktemp("graph") / "knowledge", memory_mb=256)
    knowledge.load([], [])
    knowledge.apply(fold(EVENTS), [])
    Refresher(knowledge, FixedClock(NOW), 0).refresh("demo")
    yield knowledge
    knowledge.close()


@pytest.fixture(scope="module")
def sandbox():
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def ports(tmp_path: Path, knowledge: LadybugKnowledge, sandbox: Sandbox):
    bus, history = SqliteBus(tmp_path / "bus.db"), SqliteHistory(tmp_path / "history.db")
    objects = FileObjects(tmp_path / "objects")
    yield EmailPorts(knowledge, history, objects, bus, FixedClock(NOW), "https://tg.example", KEY, sandbox)
    bus.close()
    history.close()


def wanted(user: str = "ann", id: str = "e1", **facts: Any) -> EmailRequested:
    return EmailRequested(request_id=id, user_id=user, **facts)


def asked(request: EmailRequested, **extensions: str) -> Envelope[EmailRequested]:
    given = {"replyto": "gateway-1", **extensions}
    return Envelope("demo", request.request_id, request.user_id, "2026-11-03T10:00:00Z", request, "c1", given)


def made(ports: EmailPorts, user: str = "ann", **facts: Any) -> EmailGenerated:
    result = compose(wanted(user, **facts), "demo", "c1", ports)
    assert isinstance(result, EmailGenerated)
    return result


def published(ports: EmailPorts, type: str) -> list[Envelope[Any]]:
    ends = ports.bus.ends(TOPIC_OF_TYPE[type])
    records = [one for end in ends for one in ports.bus.read(end.topic, end.partition, 0, 100)]
    return [envelope for one in records if (envelope := decode(one.message)).type == type]


def replies(ports: EmailPorts) -> list[Any]:
    return [one.data for one in published(ports, "com.tastegraph.request.replied.v1")]


def test_a_user_with_a_history_gets_what_is_theirs(ports: EmailPorts) -> None:
    email = made(ports)

    assert ("personalised", None) == (email.template, email.fallback)
    assert {"Milk", "Bread"} <= {item["name"] for item in email.products if item["slate"] == "buy_again"}
    assert "Cheddar" in {item["name"] for item in email.products if item["slate"] == "discover"}
    assert all(item["reason"] in email.text for item in email.products)


def test_an_unknown_user_gets_what_is_popular_and_it_says_so(ports: EmailPorts) -> None:
    email = made(ports, "nobody")

    assert ("generic", "popular", "too-little-known") == (email.template, email.fallback, email.fallback_reason)
    assert "Milk" == email.products[0]["name"]


def test_who_did_not_agree_or_left_gets_nothing(ports: EmailPorts) -> None:
    ports.documents.put("suppressions", "demo", "bob", {"reason": "unsubscribed"})
    results = [compose(wanted(user), "demo", "c1", ports) for user in ("shy", "bob")]

    assert ["no-consent", "suppressed"] == [one.reason for one in results if isinstance(one, EmailSkipped)]


def test_the_basis_is_what_the_user_said(ports: EmailPorts) -> None:
    assert ("consent", "customer relation") == (made(ports, "cat").consent_basis, made(ports).consent_basis)


def test_the_same_inputs_give_the_same_bytes(ports: EmailPorts) -> None:
    assert made(ports).model_dump_json() == made(ports).model_dump_json()


def test_a_name_that_is_code_stays_text(ports: EmailPorts) -> None:
    ports.documents.put("contacts", "demo", "ann", {"first_name": NASTY})
    ports.documents.put("shops", "demo", "demo", {"name": NASTY, "from_address": "hi@demo.example"})
    email = made(ports)

    assert email.fallback is None
    assert "<script" not in email.html.lower()


def test_the_way_out_is_the_recipients_own(ports: EmailPorts) -> None:
    email = made(ports)
    tokens = set(re.findall(r"https://tg\.example/v1/unsubscribe/([\w.~-]+)", email.html + email.text))

    assert {("demo", "ann")} == {verify(token, KEY) for token in tokens}
    assert f"<https://tg.example/v1/unsubscribe/{tokens.pop()}>" == email.headers["List-Unsubscribe"]


def test_a_template_that_breaks_is_replaced_by_a_plain_one(ports: EmailPorts, monkeypatch: pytest.MonkeyPatch) -> None:
    real = handlers.render

    def broken(plan: Any) -> Any:
        if plan.sections:
            raise ValueError("the template is broken")
        return real(plan)

    monkeypatch.setattr(handlers, "render", broken)
    email = made(ports)

    assert ("generic", "generic", "template-failed") == (email.template, email.fallback, email.fallback_reason)
    assert [] == email.products
    assert "Unsubscribe" in email.html


def test_a_request_is_made_once_kept_and_answered(ports: EmailPorts) -> None:
    handle(asked(wanted()), ports)
    handle(asked(wanted("bob")), ports)
    first, second = published(ports, EmailGenerated.type)
    again = kept("demo", "e1", ports.documents, ports.objects)

    assert "ann" == first.data.user_id == second.data.user_id
    assert again is not None
    assert (first.data.html, first.data.headers) == (again.html, again.headers)
    assert ports.documents.get("decisions", "demo", again.decision_id) is not None
    assert [ReplyStatus.DONE] * 2 == [reply.status for reply in replies(ports)]


def test_a_preview_is_answered_but_neither_kept_nor_published(ports: EmailPorts) -> None:
    handle(asked(wanted(preview=True)), ports)

    assert kept("demo", "e1", ports.documents, ports.objects) is None
    assert [] == published(ports, EmailGenerated.type)
    assert [ReplyStatus.DONE] == [reply.status for reply in replies(ports)]


def test_a_silence_is_published_and_answered(ports: EmailPorts) -> None:
    handle(asked(wanted("shy")), ports)

    assert 1 == len(published(ports, EmailSkipped.type))
    assert [ReplyStatus.SKIPPED] == [reply.status for reply in replies(ports)]


def test_a_request_that_cannot_be_met_is_answered_or_parked(ports: EmailPorts) -> None:
    request = wanted(template="nope")
    handle(asked(request), ports)

    assert [(ReplyStatus.FAILED, "not-found")] == [(one.status, one.problem["code"]) for one in replies(ports)]
    with pytest.raises(NotFoundError):
        handle(replace(asked(request), extensions={}), ports)


def test_a_request_that_came_too_late_is_skipped_and_who_asked_is_told(ports: EmailPorts) -> None:
    handle(asked(wanted(), expirytime="2026-11-03T09:59:59Z"), ports)

    (reply,) = replies(ports)
    assert (ReplyStatus.FAILED, "expired") == (reply.status, reply.problem["code"])
    assert published(ports, EmailGenerated.type) == []


def test_a_silence_is_kept_with_its_decision(ports: EmailPorts) -> None:
    for _ in range(2):
        handle(asked(wanted("shy")), ports)
    found = kept("demo", "e1", ports.documents, ports.objects)

    assert isinstance(found, EmailSkipped)
    assert "no-consent" == found.reason
    assert ports.documents.get("decisions", "demo", str(found.decision_id)) is not None


def test_a_capped_user_is_skipped_and_it_is_reported(ports: EmailPorts) -> None:
    capped = replace(ports, cap=Cap(2))
    for number in range(3):
        handle(asked(wanted(id=f"e{number}")), capped)
    handle(asked(wanted(id="e1")), capped)
    handle(asked(wanted(id="p", preview=True)), capped)
    handle(asked(wanted(id="later")), replace(capped, clock=FixedClock(NOW + timedelta(days=8))))

    assert ["capped"] == [one.data.reason for one in published(ports, EmailSkipped.type)]
    assert ["e0", "e1", "e1", "later"] == [one.data.email_id for one in published(ports, EmailGenerated.type)]


def test_a_campaign_reaches_a_user_once_in_a_period(ports: EmailPorts) -> None:
    weeks = ("W1", "W1", "W2", None, None)
    for number, week in enumerate(weeks):
        handle(asked(wanted(id=f"r{number}", campaign="spring", period=week)), ports)
    handle(asked(wanted("bob", id="r9", campaign="spring", period="W1")), ports)
    ids = [one.data.email_id for one in published(ports, EmailGenerated.type)]

    assert (ids[0], ids[3]) == (ids[1], ids[4])
    assert 4 == len(set(ids))


def test_how_long_a_reply_took_is_measured(ports: EmailPorts) -> None:
    def count() -> float:
        told = {"kind": "email", "status": "done"}
        return REGISTRY.get_sample_value("tastegraph_request_to_reply_seconds_count", told) or 0.0

    before = count()
    handle(asked(wanted()), ports)

    assert before + 1 == count()
