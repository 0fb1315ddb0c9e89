"""Bytes ↔ CloudEvents 1.0 (structured JSON; binary mode is read too): how a message looks on a topic."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
import rfc8785
from pydantic import ValidationError

from shared import tracing
from shared.bus.port import Message
from shared.contracts.topics import CONTRACT_OF_TYPE, TOPIC_OF_TYPE
from shared.contracts.values import Model
from shared.errors import InvalidInputError, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

D = TypeVar("D", bound=Model)

CONTENT_TYPE = b"application/cloudevents+json"
_CE = "ce_"
ASSUMED = "assumed"  # the extension that names the field whose value the intake assumed: the time, when none was given


@dataclass(frozen=True)
class Envelope(Generic[D]):
    """A CloudEvent: who (shop), about whom (subject), when it was taken in, and what (data).

    `id` is unique per shop and type of thing: `source` is `/shops/{shop}/{entity}`. `correlation_id` is one and the
    same from the HTTP request through every event to the email.
    """

    shop: str
    id: str
    subject: str
    time: str  # RFC 3339, when the event was taken in
    data: D
    correlation_id: str = ""
    extensions: Mapping[str, str] = field(default_factory=dict)  # traceparent, decisionid, replyto, expirytime …

    @property
    def type(self) -> str:
        """The CloudEvents type of the data."""
        return str(self.data.type)

    @property
    def key(self) -> bytes:
        """The record's key: one subject's events stay in order."""
        return f"{self.shop}|{self.subject}".encode()

    @property
    def digest(self) -> str:
        """The digest of what the shop said: a field that the intake assumed (`assumed` names it) is left out."""
        return digest(self.data, without=self.extensions.get(ASSUMED))

    def expired(self, now: datetime) -> bool:
        """Say whether the time is over by which an answer was wanted.

        Raises:
            InvalidInputError: `expirytime` is not a time.
        """
        expiry = self.extensions.get("expirytime")
        if not expiry:
            return False
        try:
            moment = datetime.fromisoformat(expiry)
        except ValueError:
            raise InvalidInputError("expirytime is not an RFC 3339 time") from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) <= now

    def answering(self, data: Model, *, id: str, subject: str | None = None) -> Envelope[Any]:
        """Return an envelope caused by this one: same shop, same correlation id."""
        return replace(self, id=id, data=data, subject=subject or self.subject, extensions={"causationid": self.id})  # type: ignore[arg-type]


def _entity(type_: str) -> str:
    """Ids are unique per type of thing: `com.tastegraph.purchase.recorded.v1` → `purchase.recorded`."""
    return type_.removeprefix("com.tastegraph.").rsplit(".", 1)[0]


def canonical(data: Model, without: str | None = None) -> bytes:
    """Return the data as canonical JSON (RFC 8785), without what was not given: the same fact, the same bytes."""
    left_out = {without} if without else None
    text = data.model_dump_json(exclude_none=True, exclude=left_out)
    try:
        return _PLAIN_WRITER.encode(_plain(text))
    except _NotPlainError:
        return rfc8785.dumps(json.loads(text))


class _NotPlainError(Exception):
    """JSON that only the whole of RFC 8785 can order or write: numbers, or names beyond the basic plane."""


def _refuse_number(_: str) -> None:
    raise _NotPlainError


# Nearly all events are names and texts, which msgspec writes as RFC 8785 does, in a fraction of the time.
_PLAIN_READER = json.JSONDecoder(parse_float=_refuse_number, parse_int=_refuse_number)
_PLAIN_WRITER = msgspec.json.Encoder(order="sorted")
_BEYOND_BASIC_PLANE = re.compile("[\U00010000-\U0010ffff]")


def _plain(text: str) -> Any:
    if not text.isascii() and _BEYOND_BASIC_PLANE.search(text):
        raise _NotPlainError
    return _PLAIN_READER.decode(text)


def digest(data: Model, without: str | None = None) -> str:
    """Return the SHA-256 of the canonical data, in hexadecimal; one field may be left out."""
    return digest_of(canonical(data, without))


def digest_of(content: bytes) -> str:
    """Return the digest of canonical data."""
    return hashlib.sha256(content).hexdigest()


def encode(envelope: Envelope[Any]) -> Message:
    """Return the message that carries an envelope, on the topic of its type; within a trace it names the trace."""
    trace = tracing.outgoing()
    head = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": f"/shops/{envelope.shop}/{_entity(envelope.type)}",
        "type": envelope.type,
        "subject": envelope.subject,
        "time": envelope.time,
        "datacontenttype": "application/json",
        **({"correlationid": envelope.correlation_id} if envelope.correlation_id else {}),
        **envelope.extensions,
        **trace,
    }
    data = envelope.data.model_dump_json(exclude_none=True).encode()
    return Message(
        topic=TOPIC_OF_TYPE[envelope.type],
        key=envelope.key,
        value=b'%s,"data":%s}' % (msgspec.json.encode(head)[:-1], data),
        headers=(("content-type", CONTENT_TYPE), *((name, value.encode()) for name, value in trace.items())),
    )


_SOURCE = re.compile(r"/shops/(?P<shop>[a-z0-9][a-z0-9_-]{0,62})/[a-z.-]+")
_KNOWN = {
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data",
    "correlationid",
}


def decode(message: Message) -> Envelope[Any]:
    """Return the envelope in a message; unknown attributes are kept, unknown data fields ignored.

    Raises:
        InvalidInputError: not JSON, not a CloudEvent of ours, or data that breaks its contract.
    """
    head = _parse(message)
    contract = CONTRACT_OF_TYPE.get(str(head.get("type")))
    if contract is None:
        raise InvalidInputError(f"unknown event type {str(head.get('type'))[:120]!r}")
    source = _SOURCE.fullmatch(str(head.get("source")))
    if source is None or not isinstance(head.get("id"), str):
        raise InvalidInputError("not a CloudEvent of ours: needs id and source /shops/{shop}/{entity}")
    try:
        data = contract.model_validate(head.get("data"))
    except ValidationError as error:
        raise InvalidInputError(f"{head['type']}: data breaks its contract", violations_of(error, "/data")) from None
    return Envelope(
        shop=source["shop"],
        id=head["id"],
        subject=str(head.get("subject", "")),
        time=str(head.get("time", "")),
        data=data,
        correlation_id=str(head.get("correlationid", "")),
        extensions={k: str(v) for k, v in head.items() if k not in _KNOWN},
    )


def _parse(message: Message) -> dict[str, Any]:
    if message.value is None:
        raise InvalidInputError("the message has no value")
    try:
        value = json.loads(message.value)
        head = _binary(message, value) or value
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"not JSON: {type(error).__name__}") from None
    if not isinstance(head, dict) or head.get("specversion") != "1.0":
        raise InvalidInputError("not a CloudEvent of specversion 1.0")
    return head


def _binary(message: Message, data: Any) -> dict[str, Any]:
    """Return the attributes and the data of a message in binary mode: those stand in its headers; else nothing."""
    head = {name[len(_CE) :]: value.decode() for name, value in message.headers if name.startswith(_CE)}
    return {**head, "data": data} if head else {}


def violations_of(error: ValidationError, prefix: str = "") -> list[Violation]:
    """Return what a pydantic error found, as JSON pointers and plain words; never the input's values."""
    return [
        Violation(
            pointer=prefix + "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in item["loc"]),
            detail=item["msg"].removeprefix("Value error, "),
        )
        for item in error.errors(include_url=False, include_input=False, include_context=False)
    ]
