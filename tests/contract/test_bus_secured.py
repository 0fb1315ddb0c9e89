"""A broker that wants TLS and a password gets both, from every client of the bus; a wrong one is no broker of ours."""

from __future__ import annotations

import threading

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from servers.kafka import PASSWORD, USER

from shared.bus.kafka import KafkaBus
from shared.bus.kafka_cluster import cluster
from shared.bus.port import Message
from shared.config import Settings
from shared.contracts.topics import USERS
from shared.errors import UnavailableError

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def secured(start_server, tmp_path_factory):
    """The settings of a broker behind SASL_SSL, whose certificate an authority of its own signed."""
    home, authority = tmp_path_factory.mktemp("certificates"), trustme.CA()
    (home / "broker.pem").write_bytes(for_java(authority.issue_cert("127.0.0.1")))
    authority.cert_pem.write_to_path(home / "ca.pem")
    broker = start_server("kafka", keystore=home / "broker.pem", truststore=home / "ca.pem")
    return {
        "bus_url": f"{broker.url}/secured.",
        "kafka_security": "sasl_ssl",
        "kafka_user": USER,
        "kafka_password": PASSWORD,
        "kafka_ca_file": home / "ca.pem",
    }


def for_java(issued):
    """Return key and certificate as one PEM; Java reads keys in PKCS #8 only."""
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return own + b"".join(each.bytes() for each in issued.cert_chain_pems)


def test_topics_are_made_and_messages_flow_over_tls_with_a_password(secured):
    bus, heard, taken = KafkaBus(cluster(Settings(**secured))), threading.Event(), threading.Event()
    bus.administration.apply()
    bus.subscribe("secured", [USERS], lambda _: taken.set())
    listener = bus.listen(USERS, lambda _: heard.set())
    while listener.unready():
        threading.Event().wait(0.1)
    [at] = bus.publish([Message(USERS, b"s|u", b"{}")])

    assert [b"{}"] == [each.message.value for each in bus.read(USERS, at.partition, 0, 10)]
    assert heard.wait(30)
    assert taken.wait(60)
    bus.close()


@pytest.mark.parametrize("wrong", [{"kafka_password": "another"}, {"kafka_ca_file": None}])
def test_without_the_password_or_the_authority_nothing_is_published(secured, wrong):
    bus = KafkaBus(cluster(Settings(**{**secured, **wrong})))
    with pytest.raises(UnavailableError):
        bus.publish([Message(USERS, b"s|u", b"{}")])
    bus.close()
