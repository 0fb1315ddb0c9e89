"""Socket calls that never wait, made without letting go of Python's lock: it would come back only after the others."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from typing import Any

# A call that lets go of the lock around a system call of some microseconds gets it back after a switch interval, or
# several, while others compute (the "convoy effect", python/cpython#52194): a loop that refuses a thousand requests
# a second, two calls for each, would spend more than that second waiting. PyDLL keeps the lock.
_LIBRARY = ctypes.PyDLL(None, use_errno=True)
_AT_ONCE = socket.MSG_DONTWAIT
_SILENTLY = getattr(socket, "MSG_NOSIGNAL", 0)
_MOST = 1 << 16  # bytes at a time: the others wait while they are copied


class Prompt:
    """A socket whose `recv` and `send` do not wait; all else is the socket's own."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what has come in; empty: nothing more will.

        Raises:
            BlockingIOError: nothing has yet.
            OSError: the connection is gone.
        """
        size = min(size, _MOST)
        into = ctypes.create_string_buffer(size)
        had = _checked(_RECV(self._inner.fileno(), into, size, flags | _AT_ONCE))
        return ctypes.string_at(into, had)

    def send(self, data: bytes) -> int:
        """Hand over as much as there is room for; return how many bytes.

        Raises:
            BlockingIOError: there is no room.
            OSError: the connection is gone.
        """
        given = bytes(data[:_MOST])
        return _checked(_SEND(self._inner.fileno(), given, len(given), _AT_ONCE | _SILENTLY))


def _call(name: str) -> Any:
    found = getattr(_LIBRARY, name)
    found.restype = ctypes.c_ssize_t
    found.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    return found


def _checked(result: int) -> int:
    if result >= 0:
        return result
    number = ctypes.get_errno() or errno.EIO
    raise OSError(number, os.strerror(number))


_RECV, _SEND = _call("recv"), _call("send")
