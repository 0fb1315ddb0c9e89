"""The intakes over HTTP: our own, CloudEvents, and Segment's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any

from apiflask import APIBlueprint
from flask import Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from services.ingest.bodies import BODIES, EVENTS, MOST, SEGMENT, TakenIn
from services.ingest.handlers import IngestPorts, Item, ItemOutcome, take_in_mixed
from services.ingest.model import INTAKES, KIND_OF_TYPE, names_other_shop
from services.ingest.segment import to_items
from shared.errors import InvalidInputError, Violation
from shared.web import strictjson
from shared.web.app import correlation_id
from shared.web.contract import describes
from shared.web.guard import principal, requires
from shared.web.limiting import charge
from shared.web.problems import problem

_CLOUD = "application/cloudevents+json"
_CLOUDS = "application/cloudevents-batch+json"
_STREAM = "application/x-ndjson"
_COUNTED = {"accepted": "accepted", "duplicate": "duplicates", "conflict": "conflicts", "rejected": "rejected"}


def blueprint(ports: IngestPorts) -> APIBlueprint:
    """Return the routes of the intake."""
    routes = APIBlueprint("ingest", __name__, tag="Intake")
    for kind in INTAKES:
        routes.post(f"/v1/{kind}", endpoint=kind)(_own_intake(kind, ports))
    routes.post("/v1/events", endpoint="events")(_events_intake(ports))
    for call in ("track", "identify", "batch"):
        routes.post(f"/v1/{call}", endpoint=call)(_segment_intake(call, ports))
    return routes


def _own_intake(kind: str, ports: IngestPorts) -> Callable[[], Response]:
    @requires("events:write")
    @describes({202: TakenIn}, body=BODIES[kind])
    def take() -> Response:
        _expect("application/json")
        body = strictjson.loads(request.get_data())
        return _answer([(kind, value) for value in _listed(body)], ports, single=not isinstance(body, list))

    take.__doc__ = f"Take in {kind}: one object, or an array of up to {MOST}."
    return take


def _events_intake(ports: IngestPorts) -> Callable[[], Response]:
    @requires("events:write")
    @describes({202: TakenIn}, body=EVENTS, media=("application/json", _CLOUD, _CLOUDS, _STREAM))
    def take() -> Response:
        """Take in CloudEvents: one, a batch, or a stream of JSON lines."""
        if request.mimetype == _STREAM:
            return _streamed(ports)
        _expect(_CLOUD, _CLOUDS, "application/json")
        body = strictjson.loads(request.get_data())
        return _answer([_cloud_event(each) for each in _listed(body)], ports, single=not isinstance(body, list))

    return take


def _segment_intake(call: str, ports: IngestPorts) -> Callable[[], Response]:
    @requires("events:write")
    @describes({202: TakenIn}, body=SEGMENT[call], media=("application/json", "text/plain"))
    def take() -> Response:
        _expect("application/json", "text/plain")
        body = strictjson.loads(request.get_data())
        calls = _listed(body.get("batch", []) if call == "batch" and isinstance(body, dict) else body)
        typed = [{"type": call, **each} if call != "batch" and isinstance(each, dict) else each for each in calls]
        return _answer([item for each in typed for item in _segment(each)], ports, single=len(calls) == 1)

    take.__doc__ = f"Take in what Segment's SDKs send to `{call}`."
    return take


def _expect(*types: str) -> None:
    if request.mimetype not in types:
        raise UnsupportedMediaType(f"send {' or '.join(types)}")


def _listed(body: Any) -> list[Any]:
    items = body if isinstance(body, list) else [body]
    if len(items) > MOST:
        raise RequestEntityTooLarge(f"at most {MOST} items at once; POST /v1/events takes a stream")
    if not items:
        raise InvalidInputError("the array is empty", [Violation("", "must hold an item")])
    return items


def _cloud_event(value: Any) -> Item:
    """Return a CloudEvent's kind and data; its shop is the credential's, whatever its source says."""
    if not isinstance(value, dict) or value.get("specversion") != "1.0":
        return "", InvalidInputError("not a CloudEvent", [Violation("/specversion", "must be 1.0")])
    absent = [name for name in ("id", "source") if not (isinstance(value.get(name), str) and value[name])]
    if absent:
        return "", InvalidInputError("not a CloudEvent", [Violation(f"/{name}", "is required") for name in absent])
    kind = KIND_OF_TYPE.get(str(value.get("type")))
    if kind is None:
        known = ", ".join(sorted(KIND_OF_TYPE))
        return "", InvalidInputError(f"unknown type; known are {known}", [Violation("/type", "unknown")])
    return kind, _completed(kind, value)


def _completed(kind: str, event: dict[str, Any]) -> Any:
    """Let the envelope's time and identity stand for those that the data leaves out: a retry is the same event."""
    data, intake = event.get("data"), INTAKES[kind]
    if not isinstance(data, dict):
        return data
    timed = {intake.time: event["time"]} if "time" in event else {}
    identity = f"{event['source']}\0{event['id']}".encode(errors="surrogatepass")
    named = {intake.id: hashlib.sha256(identity).hexdigest()[:32]} if intake.derives_id else {}
    return {**timed, **named, **data}


def _segment(call: Any) -> Iterable[Item]:
    try:
        return to_items(call)
    except InvalidInputError as error:
        return [("", error)]


def _take(items: Sequence[Item], ports: IngestPorts) -> list[ItemOutcome]:
    return take_in_mixed(principal().shop, items, ports, correlation_id=correlation_id())


def _answer(items: Sequence[Item], ports: IngestPorts, *, single: bool) -> Response:
    if any(names_other_shop(principal().shop, value) for _, value in items):
        return problem(HTTPStatus.FORBIDDEN, "the shop comes from the credential; an item names another", code="shop")
    charge(len(items) - 1)  # the first is counted as the request
    outcomes = _take(items, ports)
    shown = [_shown(index, each) for index, each in enumerate(outcomes)]
    return _told(_counts(outcomes), shown, single=single)


def _streamed(ports: IngestPorts) -> Response:
    """Take a stream in by pieces, so that memory does not grow with it; only what was rejected is listed."""
    totals = dict.fromkeys(_COUNTED.values(), 0)
    rejected: list[dict[str, Any]] = []
    for start, piece in _pieces(request.stream):
        charge(len(piece) - (not start), owing=start > 0)  # what a stream holds is known once it was read
        outcomes = _take([_cloud_line(line) for line in piece], ports)
        for name, count in _counts(outcomes).items():
            totals[name] += count
        shown = [_shown(start + at, each) for at, each in enumerate(outcomes) if each.outcome == "rejected"]
        rejected.extend(shown[: MOST - len(rejected)])
    if not any(totals.values()):
        raise InvalidInputError("the stream is empty", [Violation("", "must hold an item")])
    return _told(totals, rejected, single=False)


def _told(counts: Mapping[str, int], shown: Sequence[dict[str, Any]], *, single: bool) -> Response:
    """Answer 202 if anything was taken in, and 422 if nothing was; both say what became of each item."""
    body = {**counts, "items": shown}
    if counts["rejected"] < sum(counts.values()):
        response = jsonify(body)
        response.status_code = HTTPStatus.ACCEPTED
        return response
    first = shown[0]["problem"]
    violations = [Violation(each["pointer"], each["detail"]) for each in first.get("errors", ())]
    detail = str(first["detail"]) if single else "no item could be taken in; the first one's problem follows"
    response = problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, code="invalid-input", violations=violations)
    response.set_data(json.dumps({**json.loads(response.get_data()), **body}, ensure_ascii=False))
    return response


def _pieces(stream: Iterable[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    lines = (line for line in stream if line.strip())
    start = 0
    while piece := list(islice(lines, MOST)):
        yield start, piece
        start += len(piece)


def _cloud_line(line: bytes) -> Item:
    try:
        return _cloud_event(strictjson.loads(line))
    except InvalidInputError as error:
        return "", error


def _counts(outcomes: Sequence[ItemOutcome]) -> dict[str, int]:
    words: list[str] = [each.outcome for each in outcomes]
    return {name: words.count(word) for word, name in _COUNTED.items()}


def _shown(index: int, item: ItemOutcome) -> dict[str, Any]:
    shown: dict[str, Any] = {"index": index, "outcome": item.outcome, "id": item.id}
    if item.position is not None:
        at = item.position
        shown["event"] = {"topic": at.topic, "partition": at.partition, "offset": at.offset}
    return shown | ({"problem": item.problem} if item.problem else {})
