"""What a shop's template may use: a closed list, kept as data and printed in docs/templates.md."""

from __future__ import annotations

import json
from importlib.resources import files

_LISTS = json.loads((files("services.email.sandbox") / "allowed.json").read_text(encoding="utf-8"))

MJML = frozenset(_LISTS["mjml"])
HTML = frozenset(_LISTS["html"])
# `safe` is missing on purpose: text is escaped, always (SECURITY 30).
FILTERS = frozenset(_LISTS["filters"])
BANNED = frozenset({"mj-raw", "mj-include", "mj-style", "mj-html-attributes"})  # SECURITY 32
MACROS = ("button", "card", "cards", "footer")
