"""Prefer (RFC 7240): how long a client would wait for what is being made; what it asks beyond that is passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import request
from werkzeug.http import parse_dict_header

HEADER = "Prefer"
APPLIED = "Preference-Applied"
_LONGEST = 4  # digits of a wait; a longer one is more than anybody waits


@dataclass(frozen=True)
class Preference:
    """A wait in seconds (none: ours), and what the answer says that was heeded."""

    wait: float | None = None
    applied: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """Return what tells the client that it was heard."""
        return {APPLIED: self.applied} if self.applied else {}


def preferred(most: float) -> Preference:
    """Return what the request prefers, within what we wait at most."""
    told = parse_dict_header(request.headers.get(HEADER, ""))
    wait = told.get("wait") or ""
    if wait.isascii() and wait.isdigit() and len(wait) <= _LONGEST:
        seconds = min(float(wait), most)
        return Preference(seconds, f"wait={seconds:g}")
    return Preference(0.0, "respond-async") if "respond-async" in told else Preference()
