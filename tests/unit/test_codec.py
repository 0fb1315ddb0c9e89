"""The codec: both ways in which a CloudEvent may stand on a topic say the same."""

import json

import pytest

from shared.bus.port import Message
from shared.contracts.codec import Envelope, decode, encode
from shared.contracts.events import UserUpdated
from shared.contracts.topics import USERS
from shared.errors import InvalidInputError

EVENT = Envelope(
    "acme",
    "e1",
    "ü1",
    "2026-05-03T10:00:00Z",
    UserUpdated(event_id="e1", user_id="ü1", updated_at="2026-05-03T10:00:00Z"),
    correlation_id="c1",
    extensions={"traceparent": "00-1-2-01"},
)


def binary(message, **more):
    """Return a structured message in binary mode."""
    head = json.loads(message.value)
    data = json.dumps(head.pop("data")).encode()
    head.pop("datacontenttype")
    headers = tuple((f"ce_{name}", str(value).encode()) for name, value in {**head, **more}.items())
    return Message(message.topic, message.key, data, (("content-type", b"application/json"), *headers))


def test_an_event_is_read_back_as_it_was():
    assert EVENT == decode(encode(EVENT))


def test_binary_mode_says_the_same_as_structured_mode():
    assert EVENT == decode(binary(encode(EVENT)))


@pytest.mark.parametrize(
    "message",
    [
        binary(encode(EVENT), specversion="0.3"),
        Message(USERS, b"acme|u1", b"{}", (("ce_specversion", b"1.0"), ("ce_type", b"\xff\xfe"))),
        Message(USERS, b"acme|u1", b"{", (("ce_specversion", b"1.0"),)),
        Message(USERS, b"acme|u1", b"[" * 200_000),
        Message(USERS, b"acme|u1", b"\xff\x00"),
        Message(USERS, b"acme|u1", None),
        Message(USERS, b"acme|u1", b"null"),
    ],
    ids=["version", "header no text", "no json", "deep", "no utf-8", "no value", "null"],
)
def test_what_is_no_event_is_invalid_input(message):
    with pytest.raises(InvalidInputError):
        decode(message)
