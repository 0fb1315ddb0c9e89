"""Tokens over HTTP: an issuer's open their shop; an end user's opens what is that user's own, and nothing else."""

import dataclasses
import re
import time

import jwt
import pytest
from pydantic import SecretStr

from services.gateway.wiring import build
from shared.auth import OWN
from shared.web.app import create_app
from shared.web.guard import PUBLIC, scopes_of
from shared.web.usertokens import UserTokens

SECRET = "issuer's secret, long enough as it is"


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture(scope="module")
def front(served):
    """A client of the gateway that takes an issuer's tokens too."""
    settings = served.engines.settings.model_copy(
        update={"jwt_issuer": "https://issuer.example", "jwt_secret": SecretStr(SECRET)}
    )
    engines = dataclasses.replace(served.engines, settings=settings)
    return create_app("test", engines, build(engines).blueprints, {}).test_client()


def token(**changes):
    now = int(time.time())
    claims = {"iss": "https://issuer.example", "aud": "tastegraph", "sub": "s", "iat": now, "exp": now + 60}
    return jwt.encode({**claims, "shop": "demo", **changes}, SECRET, "HS256", {"typ": "at+jwt"})


def test_an_issuers_token_opens_its_shop_as_far_as_its_scope_goes(front, served):
    own = bearer(token(scope="profiles:read"))
    assert 200 == front.get("/v1/users/ann", headers=own).status_code
    assert 403 == front.get("/v1/keys", headers=own).status_code
    foreign, unknown = (front.get(path, headers=bearer(token(scope="profiles:read", shop="other"))) for path in PATHS)
    assert (404, foreign.json["detail"]) == (foreign.status_code, unknown.json["detail"])
    assert 401 == served.client.get("/v1/users/ann", headers=own).status_code


PATHS = ("/v1/users/ann", "/v1/users/xxx")


def test_no_token_grants_itself_what_is_an_end_users(front):
    for scope in (OWN, f"{OWN} {OWN}"):
        assert 403 == front.get("/v1/users/ann", headers=bearer(token(scope=scope))).status_code


def test_what_a_token_does_is_in_the_audit_trail(front, served):
    made = front.post("/v1/keys", json={"scopes": ["graph:read"]}, headers=bearer(token(scope="admin"))).json
    entry = served.get("/v1/audit").json["items"][0]
    assert (made["id"], "jwt-") == (entry["target"], entry["actor"][:4])


@pytest.fixture(scope="module")
def ann(served):
    """Ann's browser, and a board of hers and of bob's."""
    boards = [served.post("/v1/boards", {"user_id": user}).json["board_id"] for user in ("ann", "bob")]
    made = served.post("/v1/users/ann/tokens", {})
    assert (201, "no-store") == (made.status_code, made.headers["Cache-Control"])
    return bearer(made.json["token"]), *boards


def test_a_browser_reads_its_users_profile_recommendations_and_boards(served, ann):
    own, board, _ = ann
    for path in ("users/ann", "users/ann/recommendations", f"boards/{board}", f"boards/{board}/json"):
        assert served.client.get(f"/v1/{path}", headers=own).data == served.get(f"/v1/{path}").data
    picture = served.client.get(f"/v1/boards/{board}/picture", headers=own)
    assert (200, "image/png") == (picture.status_code, picture.mimetype)


def test_another_user_is_the_same_404_as_none(served, ann):
    own, _, boards = ann
    told = {}
    for path in ("users/bob", "users/nobody", "users/bob/recommendations", "users/nobody/recommendations"):
        answer = served.client.get(f"/v1/{path}", headers=own)
        told[path] = answer.status_code, answer.json["detail"], answer.json["type"]
    assert 1 == len(set(told.values())), told
    assert 404 == next(iter(told.values()))[0]
    for part in ("", "/json", "/picture"):
        other, none = (served.client.get(f"/v1/boards/{id}{part}", headers=own) for id in (boards, "x" * len(boards)))
        assert {**other.json, "trace_id": ""} == {**none.json, "trace_id": ""}
        assert 404 == other.status_code


def test_everything_else_is_closed_to_a_browser(served, ann):
    own, *_ = ann
    tried = 0
    for rule in served.app.url_map.iter_rules():
        if {OWN} & (scopes_of(served.app, rule.endpoint) or PUBLIC) or scopes_of(served.app, rule.endpoint) == PUBLIC:
            continue
        path = re.sub(r"<int:[^>]*>", "1", rule.rule)
        path = re.sub(r"<[^>]*>", "ann", path)
        for method in rule.methods - {"OPTIONS", "HEAD"}:
            assert 403 == served.client.open(path, method=method, json={}, headers=own).status_code, (method, path)
            tried += 1
    assert tried > 50


def test_only_who_may_makes_user_tokens(served):
    may = served.key("demo", "tokens:write")
    made = served.client.post("/v1/users/ann/tokens", json={"seconds": 60}, headers=may)
    assert 201 == made.status_code
    assert 403 == served.client.get("/v1/users/ann", headers=may).status_code
    lacking = served.key("demo", "profiles:read", "events:write")
    assert 403 == served.client.post("/v1/users/ann/tokens", json={}, headers=lacking).status_code
    stranger = served.client.post("/v1/users/ann/tokens", json={}, headers=served.key("other")).json["token"]
    assert 404 == served.client.get("/v1/users/ann", headers=bearer(stranger)).status_code


def test_a_user_token_ends_with_its_key(served):
    key = served.post("/v1/keys", {"scopes": ["tokens:write"]}).json
    made = served.client.post("/v1/users/ann/tokens", json={}, headers=bearer(key["key"])).json["token"]
    served.delete(f"/v1/keys/{key['id']}")
    assert 401 == served.client.get("/v1/users/ann", headers=bearer(made)).status_code


def test_a_forged_or_ended_user_token_opens_nothing(served, ann):
    own, *_ = ann
    text = own["Authorization"].removeprefix("Bearer tgu_")
    claims = jwt.decode(text, options={"verify_signature": False})
    derived = UserTokens(served.signing, served.engines.clock)._key
    ended = jwt.encode({**claims, "exp": int(time.time()) - 1}, derived)
    for forged in (
        jwt.encode({**claims, "sub": "bob"}, "k" * 40),
        jwt.encode({**claims, "sub": "bob"}, served.signing),
        jwt.encode(claims, None, "none"),
        text[:-4],
        ended,
    ):
        assert 401 == served.client.get("/v1/users/ann", headers=bearer(f"tgu_{forged}")).status_code
    assert 401 == served.client.get("/v1/users/ann", headers=bearer(text)).status_code
