"""What the settings say of TLS and passwords reaches every driver."""

from __future__ import annotations

import asyncio
import ssl

import faust
import pytest
import trustme
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis.connection import SSLConnection

from shared.bus.faust_app import make_app
from shared.bus.kafka_cluster import cluster
from shared.config import Settings
from shared.counters.redis_link import RedisLink
from shared.errors import UsageError
from shared.history.store_mongo import MongoStore
from shared.knowledge.neo4j_driver import Connection
from shared.objects.s3 import S3Objects


@pytest.fixture
def certificates(tmp_path):
    authority = trustme.CA()
    ours = authority.issue_cert("tastegraph.example")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    ours.private_key_pem.write_to_path(tmp_path / "key.pem")
    return {f"kafka_{name}_file": tmp_path / f"{name}.pem" for name in ("ca", "cert", "key")}


def secured(security, **more):
    given = {"kafka_user": "tg", "kafka_password": SecretStr("secret"), "kafka_mechanism": "SCRAM-SHA-256"}
    return cluster(Settings(bus_url="kafka://k:9093", kafka_security=security, **given, **more))


def test_kafka_clients_get_tls_that_verifies_and_shows_our_certificate(certificates):
    told = secured("ssl", **certificates).clients()
    context = told["ssl_context"]
    assert ("SSL", ssl.CERT_REQUIRED, True) == (told["security_protocol"], context.verify_mode, context.check_hostname)
    assert 1 == context.cert_store_stats()["x509_ca"]
    assert "sasl_mechanism" not in told


@pytest.mark.parametrize("security", ["sasl_plaintext", "sasl_ssl"])
def test_kafka_clients_get_name_and_password(security, certificates):
    told = secured(security, **certificates).clients()
    assert ("SCRAM-SHA-256", "tg", "secret") == (
        told["sasl_mechanism"],
        told["sasl_plain_username"],
        told["sasl_plain_password"],
    )
    assert (security == "sasl_ssl") == ("ssl_context" in told)


@pytest.mark.parametrize(
    ("security", "kind", "tls"),
    [
        ("plaintext", type(None), False),
        ("ssl", faust.SSLCredentials, True),
        ("sasl_plaintext", faust.SASLCredentials, False),
        ("sasl_ssl", faust.SASLCredentials, True),
    ],
)
def test_workers_get_the_same(security, kind, tls, certificates, event_loop_of_its_own):
    credentials = make_app(secured(security, **certificates), "g", event_loop_of_its_own).conf.broker_credentials
    assert isinstance(credentials, kind)
    context = getattr(credentials, "ssl_context", getattr(credentials, "context", None))
    assert tls == (getattr(context, "verify_mode", None) == ssl.CERT_REQUIRED)
    if security.startswith("sasl"):
        assert ("tg", "secret") == (credentials.username, credentials.password)


@pytest.fixture
def event_loop_of_its_own():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_a_certificate_that_cannot_be_read_is_said_by_the_name_of_its_setting(tmp_path):
    with pytest.raises(UsageError, match="TASTEGRAPH_KAFKA"):
        secured("ssl", kafka_ca_file=tmp_path / "none.pem").clients()


def test_a_password_is_shown_nowhere():
    one = secured("sasl_plaintext")
    assert "secret" not in repr(one)


@pytest.mark.parametrize("scheme", ["bolt+s", "neo4j+s", "bolt", "neo4j"])
def test_neo4j_is_spoken_to_as_the_url_says(scheme, monkeypatch):
    asked = {}
    monkeypatch.setattr("neo4j.GraphDatabase.driver", lambda address, **options: asked.update(at=address, **options))
    Connection(f"{scheme}://tg:p%40ss@graph.example")._opened()
    assert (f"{scheme}://graph.example:7687", ("tg", "p@ss")) == (asked["at"], asked["auth"])


def test_mongodb_gets_the_options_of_its_url(tmp_path, monkeypatch):
    made = []

    class Recorded(MongoClient):
        def __init__(self, *given, **options):
            super().__init__(*given, **options)
            made.append(self)

    monkeypatch.setattr("shared.history.store_mongo.MongoClient", Recorded)
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    options = f"tls=true&tlsCAFile={tmp_path}/ca.pem&serverSelectionTimeoutMS=100"
    store = MongoStore(f"mongodb://tg:pw@127.0.0.1:1/tastegraph?{options}")
    with pytest.raises(PyMongoError):
        store["anything"]
    context = made[0].options.pool_options._ssl_context
    assert ssl.CERT_REQUIRED == context.verify_mode
    assert 1 == context.cert_store_stats()["x509_ca"]


def test_redis_gets_tls_its_authority_and_its_password():
    link = RedisLink("rediss://tg:pw@r.example:6380/0?ssl_ca_certs=/run/ca.pem")
    made = link._redis.connection_pool.make_connection()
    assert isinstance(made, SSLConnection)
    assert ("pw", "/run/ca.pem", ssl.CERT_REQUIRED) == (made.password, made.ca_certs, made.cert_reqs)
    link.close()


@pytest.mark.parametrize(("query", "scheme"), [("", "https"), ("?insecure=true", "http")])
def test_s3_is_spoken_to_over_tls_unless_it_is_said_otherwise(query, scheme):
    objects = S3Objects(f"s3://k:s@o.example:7070/bucket{query}")
    assert f"{scheme}://o.example:7070" == objects._client.meta.endpoint_url
    objects.close()
