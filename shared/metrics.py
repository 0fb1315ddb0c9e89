"""Every metric's name, in one commented list; base units, never a user id as a label."""

from __future__ import annotations

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # its directory holds the figures of all processes that serve together

EVENTS_TAKEN_IN = Counter("tastegraph_events_taken_in_total", "Items offered to the intake.", ["kind", "outcome"])
EVENTS_PROJECTED = Counter("tastegraph_events_projected_total", "Events that reached the ledger.", ["kind", "outcome"])
EVENT_TO_GRAPH = Histogram(
    "tastegraph_event_to_graph_seconds",
    "From the log's acknowledgement to the graph's commit.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60),
)
LAST_EVENT = Gauge(
    "tastegraph_last_event_timestamp_seconds",
    "When a consumer group last finished a batch.",
    ["group"],
    multiprocess_mode="max",
)
CONSUMER_LAG = Gauge(
    "tastegraph_consumer_lag_messages",
    "Messages that a group has yet to finish.",
    ["group"],
    multiprocess_mode="livesum",
)
DEAD_LETTERS = Counter("tastegraph_dead_letters_total", "Messages parked in a dead-letter topic.", ["topic", "code"])
RETRIES = Counter("tastegraph_retries_total", "Batches offered again after a transient error.", ["group"])
REQUEST_TO_REPLY = Histogram(
    "tastegraph_request_to_reply_seconds",
    "From asking for an email or a board to its reply.",
    ["kind", "status"],
)
MADE = Counter("tastegraph_made_total", "Emails and boards made, by fallback (none: as asked).", ["kind", "fallback"])
CAMPAIGN_MEMBERS = Counter("tastegraph_campaign_members_total", "Members dealt with.", ["makes", "outcome"])
HTTP_REQUESTS = Histogram("tastegraph_http_request_seconds", "Time to answer.", ["route", "method", "status"])
HTTP_REFUSED = Counter(
    "tastegraph_http_refused_total", "Requests refused before any work, for too many were in work.", ["priority"]
)
REFRESH = Histogram(
    "tastegraph_refresh_seconds",
    "Time to refresh a shop's neighbours.",
    buckets=(0.1, 0.5, 1, 5, 15, 60, 300),
)
DEGRADED = Counter(
    "tastegraph_degraded_answers_total", "Answers served from less than the live graph.", ["served_from"]
)
LIMITED = Counter("tastegraph_limited_total", "Requests refused, for more was asked than may be had.", ["policy"])
LIMITS_ALONE = Counter(
    "tastegraph_limits_alone_total", "Decisions on limits that a process took alone, for Redis was away."
)
ATTEMPTS_FAILED = Counter(
    "tastegraph_attempts_failed_total",
    "Credentials that did not work (credential), and those refused since too many failed before (address, key).",
    ["by"],
)
KEY_USES_LOST = Counter("tastegraph_key_uses_lost_total", "Uses of API keys that could not be written down.")
BREAKER_STATE = Gauge(
    "tastegraph_breaker_state",
    "Whether a dependency is asked: 0 yes (closed), 1 on trial (half-open), 2 no (open).",
    ["dependency"],
    multiprocess_mode="livemax",
)
SPANS_LOST = Counter("tastegraph_spans_lost_total", "Spans of traces that the collector did not take.")


def registry() -> CollectorRegistry:
    """Return what is to be shown: this process's figures, or the sum of all processes that serve together."""
    if SHARED not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together
