"""A sample of what a JSON schema allows, from its own examples: so that documents can be read, and tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN: Mapping[str, Any] = {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "null": None}

_FORMATS: Mapping[str, str] = {"date-time": "2026-05-03T10:00:00Z", "date": "2026-05-03"}


def sample(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    """Return one value that the schema allows: its first example where it has one, else made of its parts."""
    if "$ref" in schema:
        return sample(definitions[str(schema["$ref"]).rpartition("/")[2]], definitions)
    for name in ("examples", "enum"):
        if schema.get(name):
            return schema[name][0]
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    choices = schema.get("anyOf") or schema.get("oneOf")
    return sample(choices[0], definitions) if choices else _made(schema, definitions)


def _made(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "object":
            known = {name: sample(one, definitions) for name, one in schema.get("properties", {}).items()}
            further = schema.get("additionalProperties")
            return known or ({"name": sample(further, definitions)} if isinstance(further, Mapping) else {})
        case "array":
            items = schema.get("prefixItems") or [schema.get("items", {})]
            return [sample(one, definitions) for one in items]
        case None:
            return {}
        case str(word):
            return _FORMATS.get(schema.get("format", ""), _PLAIN[word])
    return None
