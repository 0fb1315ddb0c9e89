"""An export in hand: its lease, and the parts that its file is kept in."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.gateway.exports import MEDIA, ExportDesk, part_key
from shared.clock import monotonic, to_ms
from shared.erasures import EXPORTS
from shared.errors import ConflictError
from shared.history.port import Document, History

_LEASE_MS, _RENEWED_EACH = 30_000, 5.0
_PART = 4 << 20


class LostError(Exception):
    """The export was removed, or another gateway writes it, or this one is ending."""


class Held:
    """An export in hand: ours as long as its lease is renewed and nobody removes it."""

    def __init__(
        self,
        export: Document,
        holder: str,
        tried: Mapping[str, Any],
        history: History,
        desk: ExportDesk,
        stopping: threading.Event,
    ) -> None:
        self.export, self.desk = export, desk
        self._history, self._holder, self._stopping = history, holder, stopping
        self._put({**tried, "holder": holder, "held_until": self._until()})

    def renew(self) -> None:
        """See that the export is still ours, and say that we are at work.

        Raises:
            LostError: it is not, or the process is ending.
        """
        if self._stopping.is_set():
            self.let_go()
            raise LostError
        found = self._history.get(EXPORTS, self.export.shop, self.export.id)
        if found is None or found.body["holder"] != self._holder:
            raise LostError
        self._put({"held_until": self._until()})

    def watched(self, found: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Yield rows, and renew the lease every few seconds meanwhile."""
        renewed = monotonic()
        for row in found:
            if monotonic() - renewed > _RENEWED_EACH:
                self.renew()
                renewed = monotonic()
            yield row

    def let_go(self) -> None:
        """Let another gateway begin anew at once."""
        self._put({"holder": None, "held_until": 0, "status": "pending"})

    def end(self, said: Mapping[str, Any]) -> None:
        """Say what came of it."""
        now = to_ms(self.desk.clock.now())
        self._put({**said, "active": "no", "finished_at": now, "holder": None, "held_until": 0})

    def _until(self) -> int:
        return to_ms(self.desk.clock.now()) + _LEASE_MS

    def _put(self, said: Mapping[str, Any]) -> None:
        body = {**self.export.body, **said}
        try:
            self.export = self._history.put(EXPORTS, self.export.shop, self.export.id, body, expect=self.export.version)
        except ConflictError:
            raise LostError from None


class Parts(io.BufferedIOBase):
    """A file that is kept as objects, a part after another, while it is written."""

    def __init__(self, held: Held) -> None:
        self._held, self._pending, self._told = held, bytearray(), 0
        self.parts, self._lost = 0, False

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._told

    def write(self, data: Any) -> int:
        """Take bytes; keep a part once there are enough of them."""
        size = memoryview(data).nbytes
        if self._lost:
            return size
        self._pending += data
        self._told += size
        while len(self._pending) >= _PART:
            self._keep(bytes(self._pending[:_PART]))
            del self._pending[:_PART]
        return size

    def end(self) -> None:
        """Keep what is left."""
        self._keep(bytes(self._pending))

    def lose(self) -> None:
        """Delete what was kept; nothing more is."""
        self._lost = True
        folder = part_key(self._held.export, 0).rpartition("/")[0]
        self._held.desk.objects.delete(f"{folder}/")

    def _keep(self, data: bytes) -> None:
        media = MEDIA[self._held.export.body["asked"].get("format", "csv")]
        self._held.desk.objects.put(part_key(self._held.export, self.parts), data, media)
        self.parts += 1
        self._held.renew()
