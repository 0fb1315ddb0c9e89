"""Hostile input through every route of the app (SECURITY's corpora): documented statuses, and nothing gives way."""

from __future__ import annotations

import copy
import json
import re
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from flask import Response
from story import hostile
from story.api_ground import known_names, made_of_each, required_query
from story.conftest import Gateway
from story.hostile_json import BODIES, VALUES

CANARY = "canary-4711"
GIVEN_AWAY = ("Traceback (most", 'File "/', "root:x:", "uid=", CANARY, str(hostile.PRODUCT), f"{hostile.PRODUCT:,}")
MADE_ID = re.compile(r"\b[0-9a-f]{32}\b")  # made by chance: now and then one holds the product's digits
FREE = {f"limit_{kind}": "" for kind in ("read", "write", "make", "admin")}
BEYOND = {200, 304, 400, 404, 405, 416}  # of what is no part of the contract: pages, files and parts of them, health
SHARE = 24  # a position of a route gets one in so many of a corpus; `make nightly` gives each all of it


@dataclass(frozen=True)
class Target:
    """A method of a route, with all that it may be asked; `document` is its part of the contract, if it has one."""

    method: str
    path: str
    document: dict[str, Any]
    names: dict[str, str]

    @property
    def filled(self) -> str:
        return self.path.format(**self.names)

    @property
    def allowed(self) -> set[int]:
        told = {int(status) for status in self.document.get("responses", ())} or BEYOND
        return (told | {404, 405}) - {500, 503}  # what a path becomes by its text may be another route, or none

    def declared(self, where: str) -> list[str]:
        return [each["name"] for each in self.document.get("parameters", ()) if each["in"] == where]


@dataclass(frozen=True)
class Attempt:
    """One request: where in the target it tries what."""

    where: str
    path: str
    query: str = ""
    body: bytes = b""
    media: str = "application/json"
    environ: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def listener():
    """A server that nobody may call."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield SimpleNamespace(address=f"127.0.0.1:{door.getsockname()[1]}", door=door)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A shop without limits, beside one whose everything is called by the canary's name."""
    one = Gateway(tmp_path_factory.mktemp("hostile"), images_http=True, **FREE)
    one.begin_making()
    mine, one.admin = one.admin, one.key("other")
    one.buy(CANARY, CANARY, "tea", id=CANARY)
    assert 201 == one.post("/v1/emails", {"user_id": CANARY}).status_code
    one.admin = mine
    one.buy("ann", "milk", "bread", "tea")
    yield one
    one.close()


@pytest.fixture(scope="module")
def targets(gateway):
    """Every method of every route in the app's own table, whether the contract lists it or not."""
    with gateway.app.test_request_context():
        document = gateway.app.spec["paths"]
    things, found = made_of_each(gateway), []
    for rule in sorted(gateway.app.url_map.iter_rules(), key=lambda rule: rule.rule):
        path = re.sub(r"<(?:[^<>:]+:)?([^<>]+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            operation = document.get(path, {}).get(method.lower(), {})
            known = known_names(f"{path}//", operation, things)
            found.append(Target(method, path, operation, {name: id or "x" for name, id in known.items()}))
    assert len(found) > 80
    return found


def as_wsgi(text: str) -> str:
    """Return a header's value as a server hands it over: bytes as latin-1 characters."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def packed(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


class Corpus:
    """What is tried; `some` gives each position another share, so that every text comes to every kind of position."""

    def __init__(self, listener: str, share: int) -> None:
        self._texts, self._share, self._turn = hostile.texts(listener), share, 0

    def some(self, of: Any = None) -> Any:
        self._turn += 1
        return (self._texts if of is None else of)[self._turn % self._share :: self._share]


def attempts(target: Target, corpus: Corpus) -> Iterator[Attempt]:
    yield from in_path(target, corpus)
    yield from in_query(target, corpus)
    yield from in_headers(target, corpus)
    yield from in_body(target, corpus)


def in_path(target: Target, corpus: Corpus) -> Iterator[Attempt]:
    for name in target.names:
        for text in corpus.some():
            yield Attempt(f"path {name}", target.path.format(**{**target.names, name: packed(text)}))
    if target.names:
        raw = ("../x", "..%2f..", "%", "%zz", "%ff%fe", "a//b", "a;b=c", "%E2%80%AE", "*")
        for text in corpus.some(raw):
            yield Attempt("path raw", target.path.format(**dict.fromkeys(target.names, text)))


def in_query(target: Target, corpus: Corpus) -> Iterator[Attempt]:
    needed = required_query(target.document)
    for name in (*target.declared("query"), "unheard-of"):
        rest = "".join(f"&{other}={packed(value)}" for other, value in needed.items() if other != name)
        for text in corpus.some():
            yield Attempt(f"query {name}", target.filled, f"{name}={packed(text)}{rest}")
    for name in target.declared("query"):
        twice = f"{name}=1&{name}=2"
        for query in (twice, f"{name}[$ne]=1", f"{name}[]=1", f"{name}", f"{name}=%ff", "&" * 99, f"%00{name}=1"):
            yield Attempt(f"query {name} odd", target.filled, query)


def in_headers(target: Target, corpus: Corpus) -> Iterator[Attempt]:
    for name in {*target.declared("header"), *corpus.some(hostile.HEADERS)}:
        variable = name.upper().replace("-", "_")
        variable = variable if variable == "CONTENT_TYPE" else f"HTTP_{variable}"
        for text in corpus.some():
            body = b"{}" if target.document.get("requestBody") else b""
            sent = {variable: as_wsgi(text)}
            yield Attempt(f"header {name}", target.filled, body=body, environ=sent)


def in_body(target: Target, corpus: Corpus) -> Iterator[Attempt]:
    for media, told in target.document.get("requestBody", {}).get("content", {}).items():
        for body in corpus.some(BODIES):
            yield Attempt("body", target.filled, body=body, media=media)
        for pointer in leaves(told.get("example")):
            for value in (*corpus.some(), *corpus.some(VALUES)):
                body = json.dumps(put(told["example"], pointer, value)).encode()
                yield Attempt(f"body {pointer}", target.filled, body=body, media=media)
    if "requestBody" not in target.document:
        for body in corpus.some(BODIES):
            yield Attempt("body unasked", target.filled, body=body)


def leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where a body's values are; and one more, which nobody asked for."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in items:
        yield from leaves(below, (*at, name))
    if at:
        yield at
    elif isinstance(value, dict):
        yield ("unheard-of",)


def put(body: Any, pointer: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(body)
    inner = changed
    for name in pointer[:-1]:
        inner = inner[name]
    inner[pointer[-1]] = value
    return changed


def tried(gateway: Gateway, target: Target, attempt: Attempt) -> str | None:
    """Make an attempt; return what is wrong with its answer, or none."""
    prefer = {"HTTP_PREFER": "respond-async"}
    answer = gateway.client.open(
        attempt.path,
        method=target.method,
        query_string=attempt.query,
        data=attempt.body,
        content_type=attempt.media if attempt.body else None,
        headers=gateway.admin,
        environ_overrides=prefer | attempt.environ,
    )
    with answer:
        said = wrong(answer, target.allowed)
    return said and f"{target.method} {target.path} {attempt.where}: {said}: {attempt}"[:500]


def wrong(answer: Any, allowed: set[int]) -> str | None:
    """Return what an answer must not be, or none."""
    if answer.status_code not in allowed:
        return f"status {answer.status_code}: {answer.data[:200]!r}"
    for name, value in answer.headers:
        if hostile.HEADER.lower() == name.lower() or name == "Bcc" or "\r" in value or "\n" in value:
            return f"the header {name} is injected"
    text = MADE_ID.sub("-", answer.data.decode(errors="replace"))
    return next((f"gives {word!r} away" for word in GIVEN_AWAY if word in text), None)


def hold(gateway: Gateway, targets: list[Target], listener: Any, share: int, told: Any) -> None:
    """Try everything at every target; nothing may give way, and nobody may have been called."""
    corpus, found, count = Corpus(listener.address, share), [], Counter[str]()
    for target in targets:
        for attempt in attempts(target, corpus):
            count[attempt.where.partition(" ")[0]] += 1
            if said := tried(gateway, target, attempt):
                found.append(said)
    told("requests", f"{sum(count.values())} over {len(targets)} operations: {dict(count)}")
    assert not found, "\n".join([f"{len(found)} answers", *found[:40]])
    assert min(count[where] for where in ("path", "query", "header", "body")) > 200
    assert untouched(listener)


def untouched(listener: Any) -> bool:
    listener.door.settimeout(0)
    try:
        listener.door.accept()
    except BlockingIOError:
        return True
    return False


def test_a_read_says_that_it_has_a_tag_where_it_has_one(gateway, targets):
    odd = []
    for target in (each for each in targets if each.method == "GET" and each.document):
        asked = {"query_string": required_query(target.document), "headers": gateway.admin}
        with gateway.client.get(target.filled, **asked) as answer:
            told = "304" in target.document["responses"]
            kept = "no-store" not in answer.headers.get("Cache-Control", "")
            if answer.status_code == 200 and not told == kept == ("ETag" in answer.headers):
                odd.append(target.path)
    assert not odd


@pytest.mark.slow
def test_nothing_hostile_gets_more_than_a_documented_answer(gateway, targets, listener, record_property):
    hold(gateway, targets, listener, SHARE, record_property)


@pytest.mark.parametrize("id", ["%EE%80%80", "a%E2%80%A8X-Injected%3A%201", "a%00b", "%E2%80%AEa", "%2E%2E"])
def test_what_can_be_no_id_names_nothing_in_a_path(gateway, id):
    for method in ("GET", "DELETE"):
        assert 404 == gateway.client.open(f"/v1/users/{id}", method=method, headers=gateway.admin).status_code


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_nothing_hostile_gets_more_at_any_position(gateway, targets, listener, record_property):
    hold(gateway, targets, listener, 1, record_property)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (500, {}, "sorry"),
        (418, {}, "not documented"),
        (200, {"X-Injected": "1"}, ""),
        (200, {}, f"{{{{1337*7331}}}} is {hostile.PRODUCT}"),
        (200, {}, f"the other shop's {CANARY}"),
        (200, {}, 'Traceback (most recent call last): File "/srv/app.py"'),
    ],
)
def test_the_judge_sees_what_must_not_be(status, headers, body):
    assert wrong(Response(body, status, headers), {200, 404})


def test_what_people_buy_is_text_in_emails_and_boards_whatever_it_is_called(gateway, listener):
    names = [text for text in hostile.texts(listener.address) if text.isprintable() and text.strip() == text][:400]
    taken = [gateway.post("/v1/products", product(number, name)).status_code for number, name in enumerate(names)]
    assert {202} <= set(taken) <= {202, 422}
    gateway.buy("eve", *(f"odd-{number}" for number, status in enumerate(taken) if status == 202))
    gateway.eventually(lambda: len(gateway.get("/v1/users/eve/recommendations").json["buy_again"]) > 0)
    email = gateway.post("/v1/emails", {"user_id": "eve"}).json
    board = gateway.post("/v1/boards", {"user_id": "eve"})
    told = [gateway.get(f"/v1/emails/{email['email_id']}/{part}").text for part in ("html", "text", "headers")]
    assert email["products"]
    assert 201 == board.status_code
    for text in (*told, board.text):
        assert [] == [word for word in GIVEN_AWAY if word in text]
    assert not [tag for tag in ("<script", "<svg onload", "<img src=x", "javascript:") if tag in told[0].lower()]
    assert untouched(listener)


def product(number: int, name: str) -> dict[str, Any]:
    address = name if name.startswith("http") else None
    return {"product_id": f"odd-{number}", "name": name[:200], "image_url": address, "categories": ["Food"]}
