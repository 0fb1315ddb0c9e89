"""Which Kafka cluster, how to reach it, and what our topics are called there; both clients' settings come from here."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.errors import UsageError

if TYPE_CHECKING:
    from shared.config import Settings

_NO_DEFAULT_PORT = "TASTEGRAPH_BUS_URL: kafka://HOST:PORT[,HOST:PORT…][/PREFIX]"

# kafka-python's own defaults wait for half a minute or more; a request would hang on them.
CONNECTING_SECONDS = 3.0
_BOUNDS = {"bootstrap_timeout_ms": int(CONNECTING_SECONDS * 1000), "request_timeout_ms": 5000}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster's address and credentials; `prefix` keeps several installations apart on one cluster."""

    servers: tuple[str, ...]
    prefix: str = ""
    security: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def physical(self, name: str) -> str:
        """Return what a topic or a group of ours is called on the cluster."""
        return self.prefix + name

    def logical(self, name: str) -> str:
        """Return our name for a topic on the cluster."""
        return name.removeprefix(self.prefix)

    def clients(self) -> dict[str, Any]:
        """Return what every kafka-python client is made with."""
        settings: dict[str, Any] = {
            "bootstrap_servers": list(self.servers),
            "client_id": "tastegraph",
            "security_protocol": self.security,
            "reconnect_backoff_max_ms": 1000,
            **_BOUNDS,
        }
        if self.security.endswith("SSL"):
            settings["ssl_context"] = self.tls()
        if self.security.startswith("SASL"):
            settings |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return settings

    def tls(self) -> ssl.SSLContext:
        """Return a context that verifies the brokers, and shows our certificate if there is one.

        Raises:
            UsageError: a certificate's file cannot be read.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except OSError as error:
            raise UsageError(f"TASTEGRAPH_KAFKA_…_FILE: cannot load the certificates: {error}") from error
        return context


def cluster(settings: Settings) -> Cluster:
    """Return the cluster that the settings name.

    Raises:
        UsageError: the URL names no server, or a server without its port.
    """
    parts = urlsplit(settings.bus_url)
    servers = tuple(filter(None, parts.netloc.split(",")))
    if not servers or not all(server.rpartition(":")[2].isdigit() for server in servers):
        raise UsageError(_NO_DEFAULT_PORT)
    password = settings.kafka_password
    return Cluster(
        servers,
        prefix=parts.path.strip("/"),
        security=settings.kafka_security.upper(),
        mechanism=settings.kafka_mechanism,
        user=settings.kafka_user,
        password=password.get_secret_value() if password else "",
        ca_file=settings.kafka_ca_file,
        cert_file=settings.kafka_cert_file,
        key_file=settings.kafka_key_file,
    )
