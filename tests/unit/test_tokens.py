"""Tokens of an outside issuer: what is exactly right opens its shop, and nothing else opens anything."""

import base64
import json
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr, ValidationError

from shared.auth import AuthenticationError
from shared.config import Settings
from shared.errors import UnavailableError, UsageError
from shared.web import jwks, tokens
from shared.web.jwks import KeySet

SECRET = "issuer's secret, long enough as it is"
KEYS = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def public(algorithm, key_id, **changes):
    text = jwt.get_algorithm_by_name(algorithm).to_jwk(KEYS[algorithm].public_key())
    return {**json.loads(text), "kid": key_id, "use": "sig", **changes}


def token(algorithm="RS256", key=None, headers=None, **changes):
    now = int(time.time())
    claims = {
        "iss": "https://issuer.example",
        "aud": "tastegraph",
        "sub": "service-1",
        "iat": now,
        "exp": now + 600,
        "shop": "demo",
        "scope": "profiles:read own:read unheard:of",
        **changes,
    }
    head = {"typ": "at+jwt", "kid": algorithm, **(headers or {})}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.encode(
            {name: value for name, value in claims.items() if value is not None},
            KEYS.get(algorithm) if key is None else key,
            algorithm,
            {name: value for name, value in head.items() if value is not None},
        )


def settings(**changes):
    return Settings(jwt_issuer="https://issuer.example", **changes)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    file = tmp_path_factory.mktemp("jwks") / "jwks.json"
    oct_key = {"kty": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).decode(), "kid": "oct", "alg": "HS256"}
    file.write_text(json.dumps({"keys": [*(public(each, each) for each in KEYS), oct_key, {"kty": "new"}]}))
    return tokens.issuer(settings(jwt_jwks_file=file))


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_token_speaks_for_its_shop_with_the_scopes_that_exist(issuer, algorithm):
    verified = issuer.verify(token(algorithm))
    who = verified.principal
    assert ("demo", {"profiles:read"}, None) == (who.shop, who.scopes, who.user_id)
    assert who.key_id.startswith("jwt-")
    assert "service-1" not in who.key_id
    assert verified.until > time.time() * 1000


def test_an_audience_may_be_one_of_several(issuer):
    assert issuer.verify(token(aud=["other", "tastegraph"]))


PUBLIC_PEM = KEYS["RS256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
STRANGER = rsa.generate_private_key(65537, 2048)


def unsigned(header, claims):
    parts = (json.dumps(each).encode() for each in (header, claims))
    return ".".join([*(base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in parts), ""])


def confused():
    """Signed by HMAC with the public key as the secret, as if the algorithm were the token's to choose."""
    text = token("HS256", key=SECRET, headers={"kid": "RS256"}).rpartition(".")[0]
    signed = jwt.get_algorithm_by_name("HS256").sign(text.encode(), PUBLIC_PEM)
    return f"{text}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}"


NOW = int(time.time())  # long before the last of these tests runs, perhaps
GOOD = {"iss": "https://issuer.example", "aud": "tastegraph", "sub": "x", "iat": NOW, "exp": NOW + 60, "shop": "demo"}
DEEP = base64.urlsafe_b64encode(b"[" * 5000).decode()
ATTACKS = {
    "no algorithm": unsigned({"alg": "none", "typ": "at+jwt", "kid": "RS256"}, GOOD),
    "no algorithm, in capitals": unsigned({"alg": "NONE", "typ": "at+jwt", "kid": "RS256"}, GOOD),
    "no algorithm named": unsigned({"typ": "at+jwt", "kid": "RS256"}, GOOD),
    "hmac with the public key": confused(),
    "a secret from the set": token("HS256", key=SECRET, headers={"kid": "oct"}),
    "another algorithm of the same key": token("PS256", key=KEYS["RS256"], headers={"kid": "RS256"}),
    "another audience": token(aud="elsewhere"),
    "no audience": token(aud=None),
    "another issuer": token(iss="https://elsewhere.example"),
    "no issuer": token(iss=None),
    "no subject": token(sub=None),
    "an empty subject": token(sub=""),
    "expired": token(iat=NOW - 700, exp=NOW - 60),
    "issued in the future": token(iat=NOW + 86_400, exp=NOW + 86_500),
    "no end": token(exp=None),
    "no beginning": token(iat=None),
    "a long life": token(exp=NOW + 7200),
    "an endless life": token(exp=10**400),
    "not yet": token(nbf=NOW + 86_400),
    "no shop": token(shop=None),
    "a shop that is none": token(shop="../other"),
    "shops in a list": token(shop=["demo", "other"]),
    "scopes in a list": token(scope=["admin"]),
    "a key of nowhere": token(headers={"kid": "nowhere"}),
    "no key named among several": token(headers={"kid": None}),
    "a key id that is none": unsigned({"alg": "RS256", "typ": "at+jwt", "kid": ["RS256"]}, GOOD),
    "a stranger's signature": token(key=STRANGER),
    "an id token": token(headers={"typ": "JWT"}),
    "an unknown critical header": token(headers={"crit": ["b64"], "b64": True}),
    "a changed claim": token().replace(".", ".e30", 1),
    "deep": f"{DEEP}.{DEEP}.x",
    "long numbers": unsigned({"alg": "RS256", "kid": "RS256"}, {}).replace(".", "." + "9" * 4400, 1),
    "nothing": "..",
    "not a token": "hello",
    "bytes": "\udcff.\udcff.\udcff",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_not_exactly_right_opens_nothing(issuer, attack):
    with pytest.raises(AuthenticationError):
        issuer.verify(ATTACKS[attack])


@pytest.mark.parametrize("header", ["jku", "x5u", "jwk"])
def test_where_a_token_says_that_its_key_is_is_never_looked_at(issuer, header):
    own = json.loads(jwt.get_algorithm_by_name("RS256").to_jwk(STRANGER.public_key()))
    where = own if header == "jwk" else "http://127.0.0.1:1/keys"
    with pytest.raises(AuthenticationError):
        issuer.verify(token(key=STRANGER, headers={header: where}))
    assert issuer.verify(token(headers={header: where}))


def test_a_clock_may_be_off_by_the_leeway(issuer):
    now = int(time.time())
    assert issuer.verify(token(iat=now - 500, exp=now - 5))
    with pytest.raises(ValidationError):
        settings(jwt_leeway_seconds=61)


def test_a_small_set_up_may_share_a_long_secret():
    small = tokens.issuer(settings(jwt_secret=SecretStr(SECRET)))
    assert "demo" == small.verify(token("HS256", key=SECRET)).principal.shop
    for other in (token(), token("HS256", key="another secret, also long enough"), token("HS384", key=SECRET)):
        with pytest.raises(AuthenticationError):
            small.verify(other)


@pytest.mark.parametrize(
    "wrong",
    [
        {"jwt_secret": SecretStr("x" * 31)},
        {},
        {"jwt_secret": SecretStr(SECRET), "jwt_jwks_url": "https://issuer.example/keys"},
        {"jwt_jwks_url": "http://issuer.example/keys"},
        {"jwt_jwks_url": "file:///etc/passwd"},
    ],
)
def test_settings_that_do_not_fit_are_refused_at_the_start(wrong):
    with pytest.raises(UsageError):
        tokens.issuer(settings(**wrong))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "QUJD"}]}', "[" * 9000]
)
def test_a_file_without_keys_is_refused_at_the_start(tmp_path, text):
    file = tmp_path / "jwks.json"
    file.write_text(text)
    with pytest.raises(UsageError):
        tokens.issuer(settings(jwt_jwks_file=file))


class Host(ThreadingHTTPServer):
    """An issuer's server of keys."""

    def __init__(self):
        self.keys, self.asked, self.slow, self.status = [], 0, 0.0, 200
        super().__init__(("127.0.0.1", 0), self._answers())
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}/keys"

    def _answers(self):
        host = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self):
                host.asked += 1
                time.sleep(host.slow)
                self.send_response(host.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(json.dumps({"keys": host.keys}).encode())

            def log_message(self, *_):
                pass

        return Answers


@pytest.fixture
def host():
    one = Host()
    yield one
    one.shutdown()
    one.server_close()


def finder(host, moments):
    real = jwks.from_url(host.url)
    return KeySet(real._load, timer=lambda: moments[0])


def test_a_new_key_is_fetched_when_a_token_names_it_and_strangers_fetch_seldom(host):
    moments = [0.0]
    host.keys = [public("RS256", "one")]
    keys = finder(host, moments)
    assert keys.find("one")
    assert (1, True) == (host.asked, bool(keys.find("one")))
    host.keys = [public("RS256", "two")]
    assert [None] * 50 == [keys.find(f"invented-{number}") for number in range(50)]
    assert 1 == host.asked
    moments[0] = 31.0
    assert keys.find("two")
    assert keys.find("one") is None
    assert 2 == host.asked


@pytest.mark.parametrize("status", [500, 302, 404])
def test_the_last_good_set_stays_while_the_host_is_away(host, status):
    moments = [0.0]
    host.keys = [public("ES256", "one")]
    keys = finder(host, moments)
    assert keys.find("one")
    host.status, moments[0] = status, 1000.0
    assert keys.find("one")
    keys._fetch.done.wait(5)
    moments[0] = 2000.0
    assert keys.find("one")
    keys._fetch.done.wait(5)
    assert 3 == host.asked


def test_a_host_that_hangs_costs_a_moment_once(host):
    host.keys, host.slow = [public("RS256", "one")], 0.5
    keys = KeySet(jwks.from_url(host.url)._load)
    keys._keys = {"zero": object()}
    before = time.monotonic()
    assert keys.find("zero")
    assert time.monotonic() - before < 0.4
    assert keys.find("one")


def test_before_any_set_was_had_the_answer_is_try_again():
    keys = jwks.from_url("http://127.0.0.1:9/keys")
    started = time.monotonic()
    for _ in range(20):
        with pytest.raises(UnavailableError):
            keys.find("one")
    assert time.monotonic() - started < 3
