"""One HTTP connection of a load test: asyncio without a library, so that asking costs little beside being answered."""

from __future__ import annotations

import asyncio
from typing import Any


class Client(asyncio.Protocol):
    """One connection, kept open; one request at a time."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.answer: asyncio.Future[tuple[int, bool]] | None = None
        self.transport: Any = None
        self.open = True

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Hear a piece of the answer."""
        self.data += data
        head = self.data.find(b"\r\n\r\n")
        if head < 0:
            return
        size = self.data.lower().find(b"content-length:", 0, head)
        if len(self.data) < head + 4 + int(self.data[size + 15 : self.data.find(b"\r", size)]):
            return
        if b"connection: close" in self.data[:head].lower():
            self.open = False
        told = int(self.data[9:12]), b'"degraded": true' in self.data
        self.data.clear()
        if self.answer and not self.answer.done():
            self.answer.set_result(told)

    def connection_lost(self, _: Exception | None) -> None:
        """End."""
        self.open = False
        if self.answer and not self.answer.done():
            self.answer.set_result((0, False))
