"""Kafka 4.4 (KRaft, one node)."""

from __future__ import annotations

import subprocess
from base64 import urlsafe_b64encode
from pathlib import Path
from uuid import uuid4

from servers.install import jars, java
from servers.process import Server, free_port

_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{advertised}
listener.security.protocol.map=CLIENT:{protocol},CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENT
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
log.dirs={data}
num.partitions=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""
# Clients prove themselves by name and password, the broker by a certificate.
_SECURED = """
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\
  username="{user}" password="{password}";
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
"""
USER, PASSWORD = "tastegraph", "a-password-for-tests"
_LOGGING = """<Configuration><Appenders><Console name="out"><PatternLayout pattern="%d %p %m%n"/></Console></Appenders>
<Loggers><Root level="info"><AppenderRef ref="out"/></Root></Loggers></Configuration>"""


def install() -> Path:
    """Return the directory with Kafka's jars."""
    return jars("kafka-4.4.0", "org.apache.kafka:kafka_2.13:4.4.0", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5")


def start(home: Path, advertised: int = 0, keystore: Path | None = None, truststore: Path | None = None) -> Server:
    """Start a broker on files of its own; clients are sent to the port `advertised` (a proxy's), if given.

    With a keystore (PEM: key, then certificate) it wants TLS, and USER with PASSWORD.
    """
    classpath = f"{install()}/*"
    port = free_port()
    (home / "log4j2.xml").write_text(_LOGGING)
    protocol = "SASL_SSL" if keystore else "PLAINTEXT"
    places = {"port": port, "controller": free_port(), "advertised": advertised or port, "data": home / "data"}
    properties = _PROPERTIES.format(protocol=protocol, **places)
    if keystore:
        properties += _SECURED.format(user=USER, password=PASSWORD, keystore=keystore, truststore=truststore)
    (home / "server.properties").write_text(properties)
    _format(classpath, home, ["--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"] if keystore else [])
    options = ["-Xms256m", "-Xmx512m", "-XX:+UseG1GC", f"-Dlog4j2.configurationFile={home}/log4j2.xml"]
    command = [java(), *options, "-cp", classpath, "kafka.Kafka", home / "server.properties"]
    return Server("kafka", f"kafka://127.0.0.1:{advertised or port}", port, command, home, _started).start()


def _format(classpath: str, home: Path, more: list[str]) -> None:
    tool = [str(java()), "-cp", classpath, "kafka.tools.StorageTool"]
    cluster = urlsafe_b64encode(b"\0" + uuid4().bytes[1:]).decode().rstrip("=")  # one that does not begin with a dash
    given = ["-t", cluster, "--standalone", "-c", str(home / "server.properties"), *more]
    subprocess.run([*tool, "format", *given], check=True, capture_output=True)


def _started(server: Server) -> bool:
    """The log tells when the broker serves; of several starts on the same files the last one counts."""
    text = server.log.read_text(errors="replace")
    return "Kafka Server started" in text[max(text.rfind("kafka.Log4jController"), 0) :]
