"""toxiproxy 2.12: a TCP proxy that delays, cuts and limits on demand."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers.install import go_binary
from servers.process import Server, free_port, listens


def install() -> Path:
    """Return the proxy's binary."""
    return go_binary("toxiproxy-2.12.0", "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0")


def start(home: Path) -> Server:
    """Start a proxy that has nothing to pass on yet."""
    port = free_port()
    command = [install(), "-host", "127.0.0.1", "-port", str(port)]
    return Server("toxiproxy", f"http://127.0.0.1:{port}", port, command, home, listens).start()


@dataclass(frozen=True)
class Proxy:
    """One way through the proxy: from `port` to `upstream`."""

    server: Server
    name: str
    port: int

    @classmethod
    def to(cls, server: Server, name: str, upstream: int, port: int = 0) -> Proxy:
        """Open a way to a loopback port."""
        taken = port or free_port()
        way = {"name": name, "listen": f"127.0.0.1:{taken}", "upstream": f"127.0.0.1:{upstream}", "enabled": True}
        _call(server, "POST", "/proxies", way)
        return cls(server, name, taken)

    def cut(self) -> None:
        """Let nothing through: connections end, new ones are refused."""
        _call(self.server, "POST", f"/proxies/{self.name}", {"enabled": False})

    def mend(self) -> None:
        """Let everything through again, undisturbed."""
        for toxic in _call(self.server, "GET", f"/proxies/{self.name}/toxics"):
            _call(self.server, "DELETE", f"/proxies/{self.name}/toxics/{toxic['name']}")
        _call(self.server, "POST", f"/proxies/{self.name}", {"enabled": True})

    def slow(self, milliseconds: int, jitter: int = 0) -> None:
        """Delay what the server answers."""
        self._add("latency", {"latency": milliseconds, "jitter": jitter})

    def hang(self) -> None:
        """Accept and never answer."""
        self._add("timeout", {"timeout": 0})

    def _add(self, kind: str, attributes: dict[str, int]) -> None:
        toxic = {"name": kind, "type": kind, "stream": "downstream", "toxicity": 1.0, "attributes": attributes}
        _call(self.server, "POST", f"/proxies/{self.name}/toxics", toxic)


def _call(server: Server, method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 (our own loopback server)
        text = answer.read()
        return json.loads(text) if text else None
