"""How many connections a process can hold: as many descriptors as it may have, less what it needs for itself."""

from __future__ import annotations

import resource

_MOST = 4096
_OURS = 192  # engines, files, logs
_FEWEST = 64


def connections() -> int:
    """Return how many connections may be open at once, after asking for the descriptors that are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(_FEWEST, wanted - _OURS)
