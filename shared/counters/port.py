"""Counters and short-lived values: idempotency keys, caches."""

from __future__ import annotations

from typing import Protocol


class Counters(Protocol):
    """Keeps small values for a while. Thread-safe. A value lost early must never break correctness."""

    def get(self, key: str) -> bytes | None:
        """Return a value, or none when it is unknown or has expired."""

    def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keep a value for `ttl` seconds."""

    def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep a value only if there is none; say whether it was kept. Atomic."""

    def close(self) -> None:
        """Let go of the engine."""
