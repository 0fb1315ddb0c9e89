"""The figures of a load test's phase: how much was answered, how fast, and what became of the rest."""

from __future__ import annotations

from collections import Counter
from typing import Any

MIX = (("profile", 40), ("recommend", 35), ("write", 20), ("admin", 5))
REFUSED = {429, 503}
CONTROL = "control"
Told = tuple[str, int, bool, float, float]  # what was asked, the status, labelled or not, seconds, when


def at(seconds: list[float], share: float) -> float:
    """Return a percentile in milliseconds."""
    return round(sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * share))] * 1000, 1) if seconds else 0.0


def summed(told: list[Told], seconds: float) -> dict[str, Any]:
    """Return a phase's figures."""
    control = [one[3] for one in told if one[0] == CONTROL]
    told = [one for one in told if one[0] != CONTROL]
    good = [one for one in told if 200 <= one[1] < 300]
    refused = [one[3] for one in told if one[1] in REFUSED]
    by_kind = {name: _answered(told, good, name) for name, _ in MIX}
    return {
        "asked_per_s": round(len(told) / seconds, 1),
        "good_per_s": round(len(good) / seconds, 1),
        "p50_ms": at([one[3] for one in good], 0.5),
        "p99_ms": at([one[3] for one in good], 0.99),
        "refused": len(refused),
        "refused_p50_ms": at(refused, 0.5),
        "refused_p99_ms": at(refused, 0.99),
        "control_p50_ms": at(control, 0.5),
        "control_p99_ms": at(control, 0.99),
        "degraded": sum(one[2] for one in good),
        "statuses": dict(sorted(Counter(one[1] for one in told).items())),
        "answered": by_kind,
    }


def _answered(told: list[Told], good: list[Told], kind: str) -> str:
    well = [one[3] for one in good if one[0] == kind]
    return f"{len(well)} of {sum(1 for one in told if one[0] == kind)}, p50 {at(well, 0.5)}, p99 {at(well, 0.99)} ms"
