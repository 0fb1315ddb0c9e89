"""Keys over HTTP: replaced without a gap, refused uniformly; and the trail of who did what."""

import json

import pytest

TEMPLATE = {
    "subject": "Spring at {{ shop.name }}",
    "preheader": "New",
    "mjml": "<mjml><mj-body>{{ cards(products) }}{{ footer() }}</mj-body></mjml>",
}


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


def listed(served, id):
    return next(each for each in served.get("/v1/keys").json["items"] if each["id"] == id)


def trail(served, action, **headers):
    return [each for each in served.get("/v1/audit", **headers).json["items"] if each["action"] == action]


def test_a_key_is_replaced_without_a_gap(served):
    old = served.post("/v1/keys", {"scopes": ["profiles:read"], "name": "front"}).json
    assert listed(served, old["id"])["last_used_at"] is None
    assert 200 == served.client.get("/v1/users/ann", headers=bearer(old["key"])).status_code
    assert listed(served, old["id"])["last_used_at"]
    made = served.post(f"/v1/keys/{old['id']}/rotate", {"overlap_hours": 1})
    assert (201, "no-store", old["id"]) == (made.status_code, made.headers["Cache-Control"], made.json["replaces"])
    for text in (old["key"], made.json["key"]):
        assert 200 == served.client.get("/v1/users/ann", headers=bearer(text)).status_code
    assert listed(served, old["id"])["expires_at"]
    assert 409 == served.post(f"/v1/keys/{old['id']}/rotate", {}).status_code
    foreign = served.client.post(f"/v1/keys/{old['id']}/rotate", json={}, headers=served.key("other"))
    unknown = served.client.post(f"/v1/keys/{'x' * 12}/rotate", json={}, headers=served.key("other"))
    assert (404, foreign.json["detail"]) == (foreign.status_code, unknown.json["detail"])


@pytest.mark.parametrize("given", ["tg_test_x", "eyJhbGciOiJub25lIn0.e30.", "x" * 5000, "tgu_x", "é"])
def test_every_refusal_says_the_same(served, given):
    said = {}
    for headers in ({}, bearer(given), {"Authorization": "Basic eA=="}):
        answer = served.client.get("/v1/users/ann", headers=headers)
        assert 401 == answer.status_code
        said[answer.headers["WWW-Authenticate"]] = {**answer.json, "trace_id": ""}
    assert {'Bearer realm="tastegraph"', 'Bearer realm="tastegraph", error="invalid_token"'} >= set(said)
    assert 1 == len({json.dumps(each) for each in said.values()})


def test_a_missing_scope_is_named_as_rfc_6750_says(served):
    answer = served.client.get("/v1/users/ann", headers=served.key("demo", "emails:read"))
    assert (
        'Bearer realm="tastegraph", error="insufficient_scope", scope="profiles:read"'
        == (answer.headers["WWW-Authenticate"])
    )


def test_a_credential_in_a_url_is_refused_even_with_a_good_one_in_the_header(served):
    text = served.admin["Authorization"].removeprefix("Bearer ")
    for query in (f"access_token={text}", f"q={text}", "api_key=1"):
        answer = served.get(f"/v1/users/ann?{query}")
        assert (400, "/problems/credential-in-url") == (answer.status_code, answer.json["type"])
        assert text not in answer.text


def test_the_trail_names_who_did_what(served):
    admin = served.post("/v1/keys", {"scopes": ["admin"]}).json
    own, id = bearer(admin["key"]), admin["id"]
    made = served.post("/v1/keys", {"scopes": ["graph:read"]}, **own).json
    served.delete(f"/v1/keys/{made['id']}", **own)
    erased = served.delete("/v1/users/nobody-yet", **own).json["job_id"]
    assert 201 == served.post("/v1/templates/spring", TEMPLATE, **own).status_code
    assert 200 == served.post("/v1/templates/spring/versions/1/publish", {}, **own).status_code
    done = [each for each in served.get("/v1/audit").json["items"] if each["actor"] == id]
    assert [
        ("template.published", "spring@1"),
        ("template.drafted", "spring@1"),
        ("user.erased", erased),
        ("key.revoked", made["id"]),
        ("key.created", made["id"]),
    ] == [(each["action"], each["target"]) for each in done]
    assert all(each["at"] and each["correlation_id"] for each in done)
    told = served.get("/v1/audit").text
    assert not any(secret in told for secret in (admin["key"], made["key"], "nobody-yet"))


def test_the_trail_is_its_shops_own_paged_and_for_admins(served):
    other = served.key("quiet")
    assert [] == served.client.get("/v1/audit", headers=other).json["items"]
    for _ in range(3):
        served.post("/v1/keys", {"scopes": ["graph:read"]}, **other)
    first = served.client.get("/v1/audit?page_size=2", headers=other)
    rest = served.client.get(f"/v1/audit?page_token={first.json['next_page_token']}", headers=other)
    assert (2, 1, "") == (len(first.json["items"]), len(rest.json["items"]), rest.json["next_page_token"])
    assert 'rel="next"' in first.headers["Link"]
    assert 403 == served.client.get("/v1/audit", headers=served.key("quiet", "templates:write")).status_code
    for method in ("POST", "PUT", "DELETE"):
        assert 405 == served.client.open("/v1/audit", method=method, headers=other).status_code
