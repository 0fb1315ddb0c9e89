"""What browsers and clients expect of HTTP: answers that may be kept, packed answers, other origins kept out."""

from __future__ import annotations

import gzip
import json

import pytest
from pydantic import SecretStr

from services.gateway import wiring as gateway
from shared.config import Settings
from shared.engines import open_engines
from shared.web.app import create_app

SHOP = "https://shop.example"


def test_an_answer_that_still_stands_is_not_sent_again(served):
    first = served.get("/v1/users/ann")
    again = served.get("/v1/users/ann", **{"If-None-Match": first.headers["ETag"]})
    assert (304, b"") == (again.status_code, again.data)
    assert "private" in first.headers["Cache-Control"]
    assert "Authorization" in first.headers["Vary"]


def test_an_answer_that_changed_is_sent_anew(served):
    path = "/v1/users/carl/interests"
    interest = {"user_id": "carl", "name": "jazz", "kind": "stated", "score": 0.9}
    assert 202 == served.post("/v1/interests", interest).status_code
    served.eventually(lambda: served.get(path).status_code == 200)
    before = served.get(path).headers["ETag"]
    assert 202 == served.post("/v1/interests", {**interest, "name": "opera"}).status_code
    served.eventually(lambda: served.get(path, **{"If-None-Match": before}).status_code == 200)
    assert served.get(path).headers["ETag"] != before


def test_one_shops_tag_says_nothing_of_anothers(served):
    tag = served.get("/v1/users/ann").headers["ETag"]
    foreign = served.client.get("/v1/users/ann", headers={**served.key("rival"), "If-None-Match": tag})
    assert 404 == foreign.status_code


def test_a_secret_is_neither_kept_nor_packed(served):
    made = served.post("/v1/keys", {"scopes": ["trends:read"], "name": "x" * 100}, **{"Accept-Encoding": "gzip"})
    assert 201 == made.status_code
    assert "no-store" in made.headers["Cache-Control"]
    assert "Content-Encoding" not in made.headers
    assert "ETag" not in made.headers


@pytest.mark.parametrize("how", ["gzip", "br"])
def test_a_long_text_is_packed_for_who_asks(served, how):
    plain = served.get("/v1/users/ann/recommendations")
    packed = served.get("/v1/users/ann/recommendations", **{"Accept-Encoding": how})
    assert how == packed.headers["Content-Encoding"]
    assert len(packed.data) < len(plain.data)
    assert "Accept-Encoding" in packed.headers["Vary"]
    if how == "gzip":
        assert plain.json["user_id"] == json.loads(gzip.decompress(packed.data))["user_id"]


@pytest.fixture(scope="module")
def for_browsers(tmp_path_factory):
    settings = Settings(
        data=tmp_path_factory.mktemp("browsers"), signing_key=SecretStr("k" * 40), cors_origins=f"{SHOP}, http://a.test"
    )
    engines = open_engines(settings)
    yield create_app("test", engines, gateway.build(engines).blueprints, {}).test_client()
    engines.close()


def preflight(client, origin):
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    return client.options("/v1/users/ann", headers={"Origin": origin, **asked})


def test_a_named_origin_may_ask_with_a_token_and_without_cookies(for_browsers):
    answer = preflight(for_browsers, SHOP)
    assert (200, SHOP) == (answer.status_code, answer.headers["Access-Control-Allow-Origin"])
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in answer.headers
    refused = for_browsers.get("/v1/users/ann", headers={"Origin": SHOP})
    assert (401, SHOP) == (refused.status_code, refused.headers["Access-Control-Allow-Origin"])


@pytest.mark.parametrize("origin", ["https://evil.example", "https://shop.example.evil.example", "null"])
def test_another_origin_is_told_nothing(for_browsers, origin):
    assert "Access-Control-Allow-Origin" not in preflight(for_browsers, origin).headers


def test_without_the_setting_no_origin_may_ask(served):
    assert "Access-Control-Allow-Origin" not in preflight(served.client, SHOP).headers


@pytest.mark.parametrize("wrong", ["*", "shop.example", "https://shop.example/path", "https://*.example"])
def test_only_whole_origins_can_be_named(wrong):
    with pytest.raises(ValueError, match="cors_origins"):
        Settings(cors_origins=wrong)
