"""JSON is read strictly: whatever an honest client never sends is refused, with a reason."""

from __future__ import annotations

import pytest

from shared.errors import InvalidInputError
from shared.web.strictjson import loads


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"a": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b'{"a": 1, "a": 2}',
        b'{"b": {"a": 1, "a": 1}}',
        b"[1e999]",
        b"[" + b"9" * 41 + b"]",
        b"[0." + b"1" * 60 + b"]",
        b'["\\ud800"]',
        b'{"\\ud800": 1}',
        b'["\\u0000"]',
        b'["' + b"x" * 4097 + b'"]',
        b"[" * 40 + b"]" * 40,
        b"[" * 100_000,
        b'["\xff"]',
        b'["\xed\xa0\x80"]',
        '["a"]'.encode("utf-16"),
        '["a"]'.encode("utf-32"),
    ],
    ids=lambda text: repr(text[:24]),
)
def test_what_no_honest_client_sends_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInputError):
        loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, 2.5, true, null, "\xc3\xa9"]}', {"a": [1, 2.5, True, None, "é"]}),
        (b'"\\ud83e\\uddc0"', "🧀"),
        (b"[" * 32 + b"]" * 32, None),
        ('{"a": "b"}', {"a": "b"}),
        (b'["' + b"x" * 4096 + b'"]', ["x" * 4096]),
    ],
    ids=["mixed", "pair", "deep", "text", "long"],
)
def test_what_honest_clients_send_is_read_as_it_stands(text: bytes | str, value: object) -> None:
    read = loads(text)

    assert value is None or value == read


def test_a_refusal_says_where_but_not_what() -> None:
    with pytest.raises(InvalidInputError) as caught:
        loads(b'{"secret": oops}')

    assert "line 1, column" in str(caught.value)
    assert "secret" not in str(caught.value)
