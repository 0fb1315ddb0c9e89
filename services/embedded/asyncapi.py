"""The topics' contracts as AsyncAPI 3.1 and JSON Schemas: `python -m services.embedded.asyncapi` writes docs/."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from shared.bus.kafka_topics import declared
from shared.contracts.codec import CONTENT_TYPE
from shared.contracts.topics import TOPICS, Topic
from shared.contracts.values import Model

DOCUMENT = Path("docs/asyncapi.json")
SCHEMAS = Path("docs/schemas/events")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_INFO = {
    "title": "Tastegraph events",
    "version": "1",
    "description": "What shops and marketing tools may publish and read. Every message is a CloudEvent 1.0 in "
    "structured mode (binary mode is read as well); a compatible change keeps its type.",
    "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
}


def files() -> dict[Path, str]:
    """Return every generated file's content."""
    schemas = {SCHEMAS / f"{contract.type}.schema.json": _text(schema(contract)) for contract in contracts()}
    return {DOCUMENT: _text(document()), **schemas}


def contracts() -> Iterator[type[Model]]:
    """Yield what travels on the topics, each once."""
    yield from dict.fromkeys(contract for topic in TOPICS.values() for contract in topic.carries)


def schema(contract: type[Model]) -> dict[str, Any]:
    """Return the JSON Schema of an event, envelope and data, whole in itself."""
    data = contract.model_json_schema(mode="serialization")
    parts = data.pop("$defs", {})
    return {
        "$schema": _DIALECT,
        "$id": f"https://tastegraph.example/schemas/events/{contract.type}.schema.json",
        "title": contract.__name__,
        **_envelope(contract, data),
        **({"$defs": parts} if parts else {}),
    }


def document() -> dict[str, Any]:
    """Return the AsyncAPI document."""
    _, schemas = models_json_schema(
        [(contract, "serialization") for contract in contracts()], ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": "3.1.0",
        "info": _INFO,
        "defaultContentType": CONTENT_TYPE.decode(),
        "channels": {topic.name: _channel(topic) for topic in TOPICS.values()},
        "operations": dict(_operations()),
        "components": {
            "messages": {contract.__name__: _message(contract) for contract in contracts()},
            "schemas": schemas["$defs"],
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    one = declared()[topic.name]
    config = {key: int(value) if value.isdigit() else [value] for key, value in one.config.items()}
    return {
        "address": topic.name,
        "description": f"Written by {', '.join(topic.writers)}; read by {', '.join(topic.readers)}. "
        "The key is shop|subject: one subject's events stay in order.",
        "messages": {each.__name__: {"$ref": f"#/components/messages/{each.__name__}"} for each in topic.carries},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": one.partitions,
                "topicConfiguration": config,
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what the services do: they send what they write, and receive what they read."""
    for topic in TOPICS.values():
        channel = {"$ref": f"#/channels/{topic.name}"}
        for action, actors in (("send", topic.writers), ("receive", topic.readers)):
            for actor in (each for each in actors if each != "marketing tools"):
                summary = f"{actor.capitalize()} {'writes to' if action == 'send' else 'reads'} {topic.name}"
                yield f"{actor}.{action}.{topic.name}", {"action": action, "channel": channel, "summary": summary}


def _message(contract: type[Model]) -> dict[str, Any]:
    return {
        "name": contract.type,
        "title": contract.__name__,
        "summary": cleandoc(contract.__doc__ or "").split("\n", 1)[0],
        "contentType": CONTENT_TYPE.decode(),
        "payload": _envelope(contract, {"$ref": f"#/components/schemas/{contract.__name__}"}),
        "bindings": {"kafka": {"key": {"type": "string", "description": "shop|subject"}, "bindingVersion": "0.5.0"}},
    }


def _envelope(contract: type[Model], data: Mapping[str, Any]) -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {**text, "description": "unique for the shop and the type; the same id again is a repetition"},
            "source": {"type": "string", "pattern": "^/shops/[a-z0-9][a-z0-9_-]{0,62}/[a-z.-]+$"},
            "type": {"const": contract.type},
            "subject": {"type": "string", "description": "the user or the product"},
            "time": {"type": "string", "format": "date-time", "description": "when it was taken in"},
            "datacontenttype": {"const": "application/json"},
            "correlationid": text,
            "data": dict(data),
        },
    }


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
