"""Where pictures may be fetched from: what a URL may say, and which addresses may be connected to."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.errors import PermanentError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]

_PORTS = {"https": 443, "http": 80}
# The standard library calls these global, or may: translations of inner addresses, protocol assignments, carriers' own.
_CLOSED = tuple(
    ipaddress.ip_network(net)
    for net in (
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
        "192.0.0.0/24",
        "100.64.0.0/10",
        "192.88.99.0/24",
    )
)


class RefusedError(PermanentError):
    """The picture is not to be had; `code` says why, in a word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Rules:
    """What the settings allow beyond https to public hosts: plain http, and certain host:port pairs (for tests)."""

    http: bool = False
    hosts: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True)
class Target:
    """A URL, taken apart; its host has yet to be resolved."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse(url: str, rules: Rules) -> Target:
    """Return what a URL names.

    Raises:
        RefusedError: not https (or allowed http), not port 443 or 80, credentials in it, or no proper URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (
            (parts.hostname or "").encode("idna").decode()
            if ":" not in (parts.hostname or "")
            else parts.hostname or ""
        )
    except (ValueError, UnicodeError):
        raise RefusedError("bad-url") from None
    if not host or any(c <= " " or c in "\\\x7f" for c in url):
        raise RefusedError("bad-url")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise RefusedError("credentials")
    if parts.scheme != "https" and not (parts.scheme == "http" and rules.http):
        raise RefusedError("scheme")
    number = port or _PORTS[parts.scheme]
    if number != _PORTS[parts.scheme] and (host, number) not in rules.hosts:
        raise RefusedError("port")
    path = parts.path or "/"
    return Target(parts.scheme, host, number, f"{path}?{parts.query}" if parts.query else path)


def is_public(address: IpAddress) -> bool:
    """Say whether an address is on the public internet, whichever way it is written."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if mapped is not None:
        return is_public(mapped)
    if any(address.version == net.version and address in net for net in _CLOSED):
        return False
    return address.is_global and not address.is_multicast


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Return every address that the system's resolver knows for a host."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RefusedError("unresolved") from None
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def address_of(target: Target, rules: Rules, resolver: Resolver = system_resolver) -> str:
    """Resolve once and return the address to connect to; every address must be public, or the pair allowed.

    Raises:
        RefusedError: no address, or one that is not public.
    """
    addresses = resolver(target.host, target.port)
    if not addresses:
        raise RefusedError("unresolved")
    if (target.host, target.port) not in rules.hosts and not all(is_public(ipaddress.ip_address(a)) for a in addresses):
        raise RefusedError("address")
    return addresses[0]
