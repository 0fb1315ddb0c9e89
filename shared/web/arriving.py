"""A request while it comes in: heard in the server's loop, so that a slow client holds no thread."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

from shared.web.admission import Priority, Ticket, priority_of
from shared.web.prompt import Prompt

_PIECE, _PIECES = 1 << 16, 4  # that are read at once; the others get their turn in between
_LONGEST_HEAD = 1 << 16
_LONGEST_BODY = 1 << 16  # a longer body, or one that does not say its length, is received by a thread
_FIRST_LINE = re.compile(rb"\s*([!-~]{1,20}) ([!-~]*)")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,12})[ \t]*\r\n", re.IGNORECASE)
_UNSIZED = re.compile(rb"\r\n(?:transfer-encoding|expect):", re.IGNORECASE)
_CLOSING = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request that can be decided on. `whole`: all of it is there, and nothing after it."""

    ticket: Ticket
    whole: bool
    closing: bool


class Arriving:
    """What has come in of a request, and what that is. Belongs to one thread."""

    def __init__(self, known: bytes = b"") -> None:
        self.data = bytearray(known)
        self._head = 0
        self._end: int | None = None

    def listen(self, connection: Prompt | socket.socket) -> bool:
        """Take what has come in, without waiting; say whether more may come.

        Raises:
            OSError: the connection is gone.
        """
        for _ in range(_PIECES):
            try:
                piece = connection.recv(_PIECE)
            except BlockingIOError:
                return True
            if not piece:
                return False
            self.data += piece
            if len(piece) < _PIECE:
                return True
        return True

    def arrived(self) -> Arrived | None:
        """Return what it is, once the rest needs no waiting for; none: not yet."""
        if not self._head:
            self._head = self.data.find(b"\r\n\r\n") + 4
            if self._head < 4:  # noqa: PLR2004 (it was not found)
                self._head = 0
                return self._handed_over() if len(self.data) > _LONGEST_HEAD else None
            self._end = self._where_it_ends()
        if self._end is None:
            return self._handed_over()
        if len(self.data) < self._end:
            return None
        return Arrived(Ticket(*self._class()), whole=len(self.data) == self._end, closing=self._closing())

    @property
    def method(self) -> str:
        """What is to be done; empty: that cannot be read."""
        line = _FIRST_LINE.match(self.data)
        return line[1].decode() if line else ""

    def said(self, name: str) -> str:
        """Return a header by its name in lower case; empty: it was not sent, or is longer than any that counts."""
        pattern = rb"\r\n" + name.encode() + rb":[ \t]*([!-~]{1,300})[ \t]*\r\n"
        found = re.search(pattern, self.data[: self._head], re.IGNORECASE)
        return found[1].decode() if found else ""

    def _where_it_ends(self) -> int | None:
        head = self.data[: self._head]
        length = _LENGTH.search(head)
        size = int(length[1]) if length else 0
        return None if _UNSIZED.search(head) or size > _LONGEST_BODY else self._head + size

    def _handed_over(self) -> Arrived:
        priority = max(self._class()[0], Priority.WRITE)  # no question about health has a body
        return Arrived(Ticket(priority, narrow=True), whole=False, closing=True)

    def _class(self) -> tuple[Priority, bool]:
        line = _FIRST_LINE.match(self.data)
        if line is None:
            return Priority.READ, False
        priority = priority_of(line[1].decode(), line[2].decode())
        return priority, priority is Priority.ADMIN

    def _closing(self) -> bool:
        head = self.data[: self._head]
        return b" HTTP/1.1\r\n" not in head or _CLOSING.search(head) is not None
