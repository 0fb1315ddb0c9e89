"""The settings of every service, from the environment (`TASTEGRAPH_…`); the defaults suit the embedded runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Documented in docs/settings.md; a test holds the two together."""

    model_config = SettingsConfigDict(env_prefix="TASTEGRAPH_", frozen=True, extra="ignore")

    data: Path = Field(Path(".tastegraph"), description="Directory of the embedded engines; one process owns it.")
    environment: Literal["live", "test"] = Field(
        "test", description="Stands in API keys, so that they cannot be confused."
    )
    host: str = Field("127.0.0.1", description="Address that the HTTP server listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port that the HTTP server listens on; 0 takes a free one.")
    public_url: str = Field(
        "http://127.0.0.1:8080", description="How the outside reaches the gateway; links are made with it."
    )

    bus_url: str = Field("file:", description="Where events flow: file: (embedded).")
    history_url: str = Field("file:", description="Where the history is kept: file: (embedded).")
    knowledge_url: str = Field("file:", description="Where the knowledge graph is: file: (embedded).")
    objects_url: str = Field("file:", description="Where pictures and emails are kept: file: (embedded).")
    counters_url: str = Field("memory:", description="Where idempotency keys and caches are kept: memory: (embedded).")

    signing_key: SecretStr | None = Field(
        None,
        description="Signs unsubscribe links and page tokens (32 characters or more); made once if embedded.",
    )
    reply_wait_seconds: float = Field(
        10.0,
        gt=0,
        le=60,
        description="How long the gateway waits for an email or a board before it answers 202.",
    )
    max_body_bytes: int = Field(1 << 20, description="Largest request body.")
    max_bulk_body_bytes: int = Field(16 << 20, description="Largest body of the event intakes that take many at once.")
    graph_batch: int = Field(500, ge=1, description="Events that the graph takes in one transaction.")
    graph_memory_mb: int = Field(512, ge=64, description="Memory for the embedded graph's buffer pool.")
    refresh_seconds: float = Field(
        2.0,
        ge=0,
        description="Shortest pause between two refreshes of a shop's neighbours; grows with the shop.",
    )
    images_http: bool = Field(default=False, description="Also fetch product pictures over plain http.")
    images_hosts_allowed: str = Field(
        "",
        description="host:port pairs, comma-separated, that pictures may come from though not public; for tests.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: console on a terminal, JSON elsewhere."
    )
