"""What no honest client sends as JSON: values in the place of right ones, and whole bodies that are hardly any."""

from __future__ import annotations

import json
from typing import Any


def _deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


# In the place of one value of a body that is otherwise right.
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        10**400,
        -(10**19),
        1e308,
        5e-324,
        "",
        [],
        {},
        [[]],
        [None],
        {"": {}},
        {"a": [{}]},
    ),
    *({"$gt": ""}, {"$ne": None}, {"$where": "sleep(100)"}, {"$regex": ".*"}, ["a", {"$in": []}], {"a.b": 1}, {"$": 1}),
    *(
        {"__proto__": {"admin": True}},
        {"constructor": 1},
        _deep(31),
        _deep(33),
        ["x"] * 10_001,
        "x" * 4097,
        {"x" * 4097: 1},
    ),
    *({str(number): number for number in range(2000)},),
)

# In the place of a whole body: what is JSON and odd, what is nearly JSON, and what is not even text.
BODIES: tuple[bytes, ...] = (
    *(
        b"",
        b" ",
        b"\n",
        b"null",
        b"true",
        b"0",
        b"-0",
        b"1E+2",
        b'""',
        b"[]",
        b"{}",
        b"[[]]",
        b"[{}]",
        b"\xef\xbb\xbf{}",
    ),
    *(
        b"[1,]",
        b'{"a":1,}',
        b"[1 2]",
        b"nul",
        b"tru",
        b"[,1]",
        b"[1,,2]",
        b"{1:1}",
        b"{'a':1}",
        b'{"a" 1}',
        b'{"a":}',
        b"[",
    ),
    *(
        b"{",
        b'"',
        b'"\\x41"',
        b'"\\u00"',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\\u0000"',
        b'["\t"]',
        b'["a\x00"]',
        b"[\x00]",
    ),
    *(
        b"[-]",
        b"[01]",
        b"[1.]",
        b"[.1]",
        b"[1e]",
        b"[+1]",
        b"[0x1]",
        b"[1e400]",
        b"[-1e-400]",
        b"[NaN]",
        b"[-Infinity]",
        b"[++]",
    ),
    *(
        b"[" + b"9" * 5000 + b"]",
        b"[0." + b"1" * 5000 + b"]",
        b"[" * 33 + b"]" * 33,
        b"[" * 60_000,
        b'{"a":' * 60_000,
        b"[" * 999,
    ),
    *(
        b'{"a":1,"a":2}',
        b'{"a":1}{"a":2}',
        b"{}//",
        b"/**/{}",
        b"{}#",
        b"[] x",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
    ),
    *(
        "{}".encode("utf-16"),
        "[]".encode("utf-32"),
        b"\x1f\x8b\x08\x00",
        b"user_id=ann",
        b"<x/>",
        b"a: 1",
        b"\xfe\xff",
        b"}",
    ),
    *(
        b'"' + b"x" * 5000 + b'"',
        b'{"' + b"x" * 5000 + b'":1}',
        json.dumps(["x"] * 10_001).encode(),
        b"[" + b"1," * 20_000 + b"1]",
    ),
)
