"""A listening socket that stops taking connections before it is closed, so that closing it turns nobody away."""

from __future__ import annotations

import ctypes
import socket
import struct
import sys

from shared.logs import logger

HANDSHAKE = 0.3  # seconds in which a connection that had begun when the door was barred comes in, or never does

_ATTACH_FILTER = 26  # SO_ATTACH_FILTER, which the socket module does not name
# Classic BPF over a TCP segment: drop what asks for a new connection (SYN without ACK), pass all else.
_LOAD_FLAGS, _AND, _IF_EQUAL, _RETURN = 0x30, 0x54, 0x15, 0x06
_FLAGS_AT, _SYN, _SYN_OR_ACK, _ALL = 13, 0x02, 0x12, 0xFFFFFFFF
_NO_NEWCOMERS = (
    (_LOAD_FLAGS, 0, 0, _FLAGS_AT),
    (_AND, 0, 0, _SYN_OR_ACK),
    (_IF_EQUAL, 0, 1, _SYN),
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, _ALL),
)
_log = logger("http")


def bar(listener: socket.socket) -> bool:
    """Let nobody new begin to connect, while those who have begun still come in; say whether that can be had here.

    Whoever knocks now hears nothing, and asks again in a second: by then the socket is closed, and they are refused
    before they have sent anything. Closing alone would reset connections that the kernel had taken in meanwhile.
    """
    if not sys.platform.startswith("linux"):
        return False
    program = b"".join(struct.pack("HBBI", *step) for step in _NO_NEWCOMERS)
    held = ctypes.create_string_buffer(program)
    try:
        listener.setsockopt(
            socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HP", len(_NO_NEWCOMERS), ctypes.addressof(held))
        )
    except OSError as error:
        _log.warning("http.door-not-barred", error=type(error).__name__)
        return False
    return True
