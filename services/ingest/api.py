"""The intakes over HTTP: our own, CloudEvents, and Segment's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any

from apiflask import APIBlueprint
from flask import Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from services.ingest.handlers import IngestPorts, ItemOutcome, problem_of, take_in
from services.ingest.model import INTAKES, KIND_OF_TYPE, names_other_shop
from services.ingest.segment import to_items
from shared.errors import InvalidInputError, Violation
from shared.web import strictjson
from shared.web.app import correlation_id
from shared.web.guard import principal, requires
from shared.web.problems import problem

_MOST = 500  # items of one body; a stream has no such bound
_CLOUD = "application/cloudevents+json"
_CLOUDS = "application/cloudevents-batch+json"
_STREAM = "application/x-ndjson"

Typed = tuple[str, Any]


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
    def take() -> Response:
        _expect("application/json")
        body = strictjson.loads(request.get_data())
        return _answer([(kind, value) for value in _listed(body)], ports, single=not isinstance(body, list))

    take.__doc__ = f"Take in {kind}: one object, or an array of up to {_MOST}."
    return take


def _events_intake(ports: IngestPorts) -> Callable[[], Response]:
    @requires("events:write")
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
    if len(items) > _MOST:
        raise RequestEntityTooLarge(f"at most {_MOST} items at once; POST /v1/events takes a stream")
    if not items:
        raise InvalidInputError("the array is empty", [Violation("", "must hold an item")])
    return items


def _cloud_event(value: Any) -> Typed:
    """Return a CloudEvent's kind and data; its shop is the credential's, whatever its source says."""
    if not isinstance(value, dict) or value.get("specversion") != "1.0":
        return "", InvalidInputError("not a CloudEvent", [Violation("/specversion", "must be 1.0")])
    kind = KIND_OF_TYPE.get(str(value.get("type")))
    if kind is None:
        known = ", ".join(sorted(KIND_OF_TYPE))
        return "", InvalidInputError(f"unknown type; known are {known}", [Violation("/type", "unknown")])
    return kind, _timed(kind, value)


def _timed(kind: str, event: dict[str, Any]) -> Any:
    """Let the envelope's time stand for one that the data leaves out: a retry then is the same event."""
    data, name = event.get("data"), INTAKES[kind].time
    return {name: event["time"], **data} if isinstance(data, dict) and "time" in event else data


def _segment(call: Any) -> Iterable[Typed]:
    try:
        return to_items(call)
    except InvalidInputError as error:
        return [("", error)]


def _take(items: Sequence[Typed], ports: IngestPorts) -> list[ItemOutcome]:
    """Take in items of mixed kinds, and answer in their order."""
    outcomes: dict[int, ItemOutcome] = {}
    by_kind: dict[str, list[int]] = {}
    for index, (kind, value) in enumerate(items):
        if isinstance(value, InvalidInputError):
            outcomes[index] = ItemOutcome(index, "rejected", problem=problem_of(value))
        else:
            by_kind.setdefault(kind, []).append(index)
    for kind, indexes in by_kind.items():
        values = [items[index][1] for index in indexes]
        taken = take_in(principal().shop, kind, values, ports, correlation_id=correlation_id())
        outcomes.update(zip(indexes, taken, strict=True))
    return [outcomes[index] for index in range(len(items))]


def _answer(items: Sequence[Typed], ports: IngestPorts, *, single: bool) -> Response:
    if any(names_other_shop(principal().shop, value) for _, value in items):
        return problem(HTTPStatus.FORBIDDEN, "the shop comes from the credential; an item names another", code="shop")
    outcomes = _take(items, ports)
    counts = _counts(outcomes)
    body = {**counts, "items": [_shown(index, each) for index, each in enumerate(outcomes)]}
    if counts["rejected"] < len(outcomes):
        response = jsonify(body)
        response.status_code = HTTPStatus.ACCEPTED
        return response
    first = outcomes[0].problem or {}
    violations = [Violation(each["pointer"], each["detail"]) for each in first.get("errors", ())]
    detail = str(first.get("detail", "")) if single else "no item could be taken in; the first one's problem follows"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, code="invalid-input", violations=violations)


def _streamed(ports: IngestPorts) -> Response:
    """Take a stream in by pieces, so that memory does not grow with it; only what was rejected is listed."""
    totals = {"accepted": 0, "duplicates": 0, "conflicts": 0, "rejected": 0}
    rejected: list[dict[str, Any]] = []
    for start, piece in _pieces(request.stream):
        outcomes = _take([_cloud_line(line) for line in piece], ports)
        for name, count in _counts(outcomes).items():
            totals[name] += count
        shown = [_shown(start + at, each) for at, each in enumerate(outcomes) if each.outcome == "rejected"]
        rejected.extend(shown[: _MOST - len(rejected)])
    response = jsonify({**totals, "items": rejected})
    response.status_code = HTTPStatus.ACCEPTED
    return response


def _pieces(stream: Iterable[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    lines = (line for line in stream if line.strip())
    start = 0
    while piece := list(islice(lines, _MOST)):
        yield start, piece
        start += len(piece)


def _cloud_line(line: bytes) -> Typed:
    try:
        return _cloud_event(strictjson.loads(line))
    except InvalidInputError as error:
        return "", error


def _counts(outcomes: Sequence[ItemOutcome]) -> dict[str, int]:
    words: list[str] = [each.outcome for each in outcomes]
    names = {"accepted": "accepted", "duplicate": "duplicates", "conflict": "conflicts", "rejected": "rejected"}
    return {name: words.count(word) for word, name in names.items()}


def _shown(index: int, item: ItemOutcome) -> dict[str, Any]:
    shown: dict[str, Any] = {"index": index, "outcome": item.outcome, "id": item.id}
    if item.position is not None:
        at = item.position
        shown["event"] = {"topic": at.topic, "partition": at.partition, "offset": at.offset}
    return shown | ({"problem": item.problem} if item.problem else {})
