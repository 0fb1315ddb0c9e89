"""Which links may stand in an email: https; and plain http only to this machine, while the gateway is there too."""

from __future__ import annotations

from urllib.parse import urlsplit

_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


def allowed(url: str, public_url: str) -> bool:
    """Say whether an address may be linked to, or a picture shown from it."""
    try:
        parts = urlsplit(url)
        here = parts.scheme == "http" and parts.hostname in _HERE and urlsplit(public_url).hostname in _HERE
    except ValueError:
        return False
    return (parts.scheme == "https" and bool(parts.hostname)) or here
