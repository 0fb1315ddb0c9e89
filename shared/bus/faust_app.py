"""The Faust app of a subscription: it joins the group and delivers, and does nothing else."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import faust

from shared.bus.kafka_cluster import Cluster
from shared.contracts.topics import LARGEST_LETTER

_NEVER = 1e9


def make_app(cluster: Cluster, group: str, loop: asyncio.AbstractEventLoop) -> faust.App:
    """Return an app without web, tables, topics of its own; nothing connects before it is started."""
    return faust.App(
        cluster.physical(group),
        loop=loop,
        broker=[f"kafka://{server}" for server in cluster.servers],
        broker_credentials=_credentials(cluster),
        autodiscover=False,
        web_enabled=False,
        store="memory://",
        datadir=Path(tempfile.gettempdir()) / cluster.physical(group),  # it makes one; elsewhere nothing may be written
        topic_allow_declare=False,
        topic_disable_leader=True,
        key_serializer="raw",
        value_serializer="raw",
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=LARGEST_LETTER,
        consumer_metadata_max_age_ms=10_000,  # a topic that was missing is found within this time
        stream_wait_empty=False,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=15.0,  # so long others wait for a member that lives and does not come along
        broker_request_timeout=20.0,
        broker_commit_livelock_soft_timeout=_NEVER,  # Faust's own commits have nothing to do
        stream_processing_timeout=_NEVER,
    )


def _credentials(cluster: Cluster) -> Any:
    context = cluster.tls() if cluster.security.endswith("SSL") else None
    if cluster.security.startswith("SASL"):
        return faust.SASLCredentials(
            mechanism=cluster.mechanism, username=cluster.user, password=cluster.password, ssl_context=context
        )
    return faust.SSLCredentials(context) if context else None
