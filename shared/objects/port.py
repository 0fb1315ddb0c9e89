"""Objects: finished bytes (board pictures, email HTML, cached product pictures) under keys that we make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Object:
    """Bytes and their media type."""

    data: bytes
    media_type: str


class Objects(Protocol):
    """Keeps objects. Keys are relative and made by us: `[a-z0-9-./@]`, no `..`. Thread-safe; a put is whole or not."""

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """Store an object, replacing what stood under its key.

        Raises:
            UnavailableError: it was not stored.
        """

    def get(self, key: str) -> Object | None:
        """Return an object, or none."""

    def delete(self, prefix: str) -> int:
        """Remove every object whose key starts with the prefix; return how many there were."""

    def close(self) -> None:
        """Let go of the engine."""
