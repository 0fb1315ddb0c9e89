"""The settings of every service, from the environment (`TASTEGRAPH_…`); the defaults suit the embedded runtime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.errors import UsageError

_PREFIX = "TASTEGRAPH_"
_RATE = "^([1-9][0-9]{0,8}/[1-9][0-9]{0,5}(/[1-9][0-9]{0,4})?)?$"
_QUOTA = "^[0-9]{1,9}/[0-9]{1,9}$"


class _Files(PydanticBaseSettingsSource):
    """`TASTEGRAPH_X_FILE` names the file that holds X, as secrets are mounted."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Return what a setting's file holds, without the newline at its end; none if no file is named."""
        del field
        variable = f"{_PREFIX}{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        try:
            return (Path(path).read_text("utf-8").rstrip("\r\n") if path else None), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{variable} names a file that cannot be read") from error

    def __call__(self) -> dict[str, Any]:
        """Return every setting that a file holds."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """Documented in docs/settings.md; a test holds the two together."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take a setting from the arguments, else from the environment, else from the file that it names."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _Files(settings_cls)

    data: Path = Field(Path(".tastegraph"), description="Directory of the embedded engines; one process owns it.")
    environment: Literal["live", "test"] = Field(
        "test", description="Stands in API keys, so that they cannot be confused."
    )
    host: str = Field("127.0.0.1", description="Address that the HTTP server listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port that the HTTP server listens on; 0 takes a free one.")
    web_workers: int = Field(
        2, ge=1, le=64, description="Processes of an HTTP service run alone; one if an engine is file: or memory:."
    )
    web_threads: int = Field(16, ge=1, le=256, description="Threads of each of those processes.")
    web_replicas: int = Field(
        1, ge=1, le=1000, description="Copies of the service; each keeps its part of the limits while Redis is away."
    )
    trusted_proxies: int = Field(
        0, ge=0, le=10, description="Proxies of ours in front: the last so many of X-Forwarded-For are theirs; 0: none."
    )
    auth_failures_per_minute: int = Field(
        30, ge=0, le=100_000, description="Credentials that do not work, per address and per key id; 0: no limit."
    )
    web_working: int = Field(
        3,  # they compute half of their time, with the process's one lock, and more would only wait for it
        ge=1,
        le=256,
        description="Requests that a process works on at once; others wait.",
    )
    web_waiting: int = Field(
        8, ge=0, le=1024, description="Requests of a process that may wait for a thread; more are refused at once."
    )
    receive_seconds: float = Field(
        10.0, gt=0, le=300, description="Within this time a request must have come in, body and all, if run alone."
    )
    request_seconds: float = Field(
        30.0, gt=0, le=120, description="Time that a request has in all; what it waits for gets what is left of it."
    )
    public_url: str = Field(
        "http://127.0.0.1:8080", description="How the outside reaches the gateway; links are made with it."
    )

    operations_host: str = Field(
        "127.0.0.1", description="Address of the operations port: /livez, /readyz, /metrics of a service run alone."
    )
    operations_port: int = Field(
        9464, ge=0, le=65535, description="Port for operators, apart from the one that users reach; 0 takes a free one."
    )

    bus_url: str = Field(
        "file:", description="Where events flow: file: (embedded), or kafka://HOST:PORT[,HOST:PORT…][/PREFIX]."
    )
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="How the brokers are spoken to."
    )
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How the brokers know us, with sasl_…."
    )
    kafka_user: str = Field("", description="Our name at the brokers, with sasl_….")
    kafka_password: SecretStr | None = Field(None, description="Our password at the brokers, with sasl_….")
    kafka_ca_file: Path | None = Field(None, description="Who vouches for the brokers (PEM); else the system's list.")
    kafka_cert_file: Path | None = Field(None, description="Our certificate for the brokers (PEM), if they want one.")
    kafka_key_file: Path | None = Field(None, description="The key of our certificate (PEM).")
    history_url: str = Field(
        "file:",
        description="Where the history is kept: file: (embedded), mongodb://USER:PASSWORD@HOST/DATABASE?OPTIONS.",
    )
    knowledge_url: str = Field(
        "file:", description="Where the knowledge graph is: file: (embedded), bolt://USER:PASSWORD@HOST (bolt+s: TLS)."
    )
    objects_url: str = Field(
        "file:", description="Where pictures and emails are kept: file: (embedded), s3://KEY:SECRET@HOST/BUCKET."
    )
    counters_url: str = Field(
        "memory:",
        description="Where idempotency keys and caches are kept: memory: (embedded), redis://:PASSWORD@HOST/0.",
    )

    signing_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="Signs unsubscribe links and user tokens (32 characters or more); made once if embedded.",
    )
    user_token_seconds: int = Field(
        600, ge=60, le=3600, description="How long a token for one end user's browser works, at most."
    )
    jwt_issuer: str = Field("", description="Whose tokens are taken beside API keys (their iss); empty: nobody's.")
    jwt_audience: str = Field("tastegraph", min_length=1, description="The aud that an issuer's token must have.")
    jwt_jwks_url: str = Field("", description="Where the issuer's public keys are (https): RS256, ES256, EdDSA.")
    jwt_jwks_file: Path | None = Field(None, description="A file with them instead; it is read anew like the URL.")
    jwt_secret: SecretStr | None = Field(
        None, description="A secret shared with the issuer instead (HS256; 32 bytes or more), for small set-ups."
    )
    jwt_shop_claim: str = Field("shop", min_length=1, description="The claim that names a token's shop.")
    jwt_lifetime_seconds: int = Field(
        3600, ge=60, le=86_400, description="Longest life (exp - iat) of an issuer's token; longer ones are refused."
    )
    jwt_leeway_seconds: int = Field(30, ge=0, le=60, description="What the issuer's clock may be off by.")
    jwt_typed: bool = Field(
        default=True, description="Take at+jwt tokens only (RFC 9068); false for issuers that do not say so."
    )
    reply_wait_seconds: float = Field(
        10.0,
        gt=0,
        le=60,
        description="How long the gateway waits for an email or a board before it answers 202.",
    )
    campaign_in_flight: int = Field(
        2, ge=1, le=64, description="Requests of campaigns that a gateway has in flight, so that others are served too."
    )
    cors_origins: str = Field(
        "",
        pattern=r"^(https?://[^\s,*/]+(\s*,\s*https?://[^\s,*/]+)*)?$",
        description="Websites that may call from browsers, such as https://shop.example, comma-separated; empty: none.",
    )
    limit_read: str = Field(
        "6000/60", pattern=_RATE, description="What a key may read: requests/seconds[/at once]; empty: no limit."
    )
    limit_write: str = Field(
        "600000/60", pattern=_RATE, description="What a key may send in: items/seconds[/requests at once]."
    )
    limit_make: str = Field(
        "1200/60/32",
        pattern=_RATE,
        description="Emails, boards and trials a key may ask for: requests/seconds[/at once].",
    )
    limit_admin: str = Field(
        "600/60/8", pattern=_RATE, description="Keys, erasures, exports, replays, rebuilds: requests/seconds[/at once]."
    )
    quota_emails: str = Field(
        "0/0", pattern=_QUOTA, description="Emails that a shop may have made: a day/a month (UTC); 0: any number."
    )
    quota_boards: str = Field("0/0", pattern=_QUOTA, description="Boards that a shop may have made, likewise.")
    max_body_bytes: int = Field(1 << 20, description="Largest request body.")
    max_bulk_body_bytes: int = Field(16 << 20, description="Largest body of the event intakes that take many at once.")
    email_cap: int = Field(0, ge=0, le=100, description="Most emails for a user within the window; 0: no cap.")
    email_cap_days: int = Field(7, ge=1, le=366, description="The window of the email cap, in days.")
    graph_batch: int = Field(2000, ge=1, description="Events that the graph takes in one transaction, at most.")
    graph_memory_mb: int = Field(
        512, ge=256, description="Memory for the embedded graph's buffer pool; with less than 256 a busy graph ran out."
    )
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
    otlp_endpoint: str = Field(
        "",
        pattern="^(https?://.+)?$",
        description="Where traces go: an OpenTelemetry collector's URL (OTLP over HTTP); empty: nowhere.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: console on a terminal, JSON elsewhere."
    )
