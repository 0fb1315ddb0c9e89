"""What a listener on the embedded bus polls: the topic's rows beyond where it began."""

from __future__ import annotations

import threading

from shared.bus.port import Record
from shared.bus.sqlite_consumer import POLL_SECONDS
from shared.bus.sqlite_log import LogReader

_PAGE = 500


class SqliteSource:
    """Implements `shared.bus.listener.Source`; `news` is set when this process appends."""

    def __init__(self, reader: LogReader, topic: str) -> None:
        self.news = threading.Event()
        self.topics = (topic,)
        self._reader = reader
        self._next = reader.end(topic)

    def begin(self) -> None:
        """Go on where it stood: nothing is lost in between."""

    def poll(self) -> list[Record]:
        """Return what has come since."""
        self.news.clear()
        records = self._reader.read(self.topics[0], self._next, _PAGE)
        if records:
            self._next = records[-1].position.offset + 1
        else:
            self.news.wait(POLL_SECONDS)
        return records

    def end(self) -> None:
        """Let go of the connection."""
        self._reader.close()
