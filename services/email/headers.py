"""The headers that a sender needs, free of whatever could become another header."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from email.errors import HeaderParseError
from email.headerregistry import Address

from services.email.model import Plan
from shared.errors import InvalidInputError

_ENCODED_WORD = re.compile(r"=\?")


def headers(plan: Plan, email_id: str, decision_id: str) -> dict[str, str]:
    """Return header names and values; one-click unsubscribe as in RFC 8058.

    Raises:
        InvalidInputError: the shop's own address or name cannot stand in a header.
    """
    domain = plan.sender.from_address.rpartition("@")[2]
    message_id = hashlib.sha256(f"{email_id}|{decision_id}".encode()).hexdigest()[:32]
    given = {
        "Subject": plan.subject,
        "From": _sender(plan.sender.name, plan.sender.from_address),
        "Message-ID": f"<{message_id}@{domain}>",
        "Content-Language": plan.language,
        "List-Unsubscribe": f"<{plan.reader.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Feedback-ID": f"{plan.template}:{decision_id[:12]}:tastegraph",
    }
    return {name: safe(value) for name, value in given.items()}


def safe(value: str) -> str:
    """Return a value without control characters, line separators and encoded words."""
    plain = "".join(" " if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} else c for c in value)
    return " ".join(_ENCODED_WORD.sub("= ?", plain).split())


def _sender(name: str, address: str) -> str:
    try:
        return str(Address(display_name=safe(name), addr_spec=safe(address)))
    except (ValueError, IndexError, HeaderParseError):
        raise InvalidInputError("the shop's from_address is not an email address") from None
