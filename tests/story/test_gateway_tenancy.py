"""Another shop's everything is the same as nothing: byte for byte, over all routes."""

import json
import re

import pytest

from shared.web.guard import PUBLIC, scopes_of

CANARY = "canary-4711"
BODIES = {
    "/v1/emails": {"user_id": CANARY},
    "/v1/boards": {"user_id": CANARY},
    "/v1/users/<id:user_id>/interests": {"name": "Tea", "interest_id": "i-1"},
    "/v1/keys": {"scopes": ["graph:read"]},
    "/v1/keys/<id:id>/rotate": {},
    "/v1/users/<id:user_id>/tokens": {},
}
VARIED = re.compile(
    r'"(trace_id|token|job_id|id|key|created_at|email_id|board_id|decision_id|self|at|generated_at|expires_at)": ?'
    r'"[^"]*"'
)


@pytest.fixture(scope="module")
def owned(served):
    """The canary's shop owns one of everything; return the ids by the name of their path parameter."""
    served.buy(CANARY, CANARY, "tea", id=CANARY)
    email = served.post("/v1/emails", {"user_id": CANARY}, **{"Idempotency-Key": "canary"}).json
    board = served.post("/v1/boards", {"user_id": CANARY}).json
    served.client.put(f"/v1/suppressions/{CANARY}", headers=served.admin)
    ids = [
        email["email_id"],
        board["board_id"],
        email["decision_id"],
        served.post("/v1/keys", BODIES["/v1/keys"]).json["id"],
    ]
    for id in ids[:2]:
        assert 200 == served.get(f"/v1/jobs/{id}").status_code
    return {"user_id": [CANARY], "product_id": [CANARY], "id": ids}


def calls(served, owned):
    """Yield every call that names something: its method, rule, and path with a foreign id and with an unknown one."""
    for rule in served.app.url_map.iter_rules():
        if scopes_of(served.app, rule.endpoint) in {None, PUBLIC} or len(rule.arguments) != 1:
            continue
        (name,) = rule.arguments
        for id in owned.get(name, ()):
            for method in rule.methods - {"OPTIONS", "HEAD"}:
                path = re.sub(r"<[^>]*>", "{}", rule.rule)
                yield method, rule.rule, path.format(id), path.format("x" * len(id)), id


def seen(answer, id):
    """Return what a client sees, without what names the request or repeats the id asked for."""
    body = VARIED.sub("", answer.text.replace(id, "ID").replace("x" * len(id), "ID"))
    varied = {"X-Request-Id", "RateLimit", "ETag", "Date", "Location", "Content-Length", "Content-Disposition"}
    return answer.status_code, body, sorted(item for item in answer.headers.items() if item[0] not in varied)


def test_no_route_tells_a_foreign_thing_from_none(served, owned):
    told = []
    for number, (method, rule, foreign, unknown, id) in enumerate(calls(served, owned)):
        stranger = served.key(f"other-{number}")  # what a call leaves in its own shop is not another's
        body = {"json": BODIES[rule]} if rule in BODIES else {}
        one, other = (served.client.open(path, method=method, headers=stranger, **body) for path in (foreign, unknown))
        assert seen(one, id) == seen(other, id), (method, foreign)
        told.append((method, rule, one.status_code))
    assert len(told) > 25
    answered = {(method, rule) for method, rule, status in told if status != 404}
    assert answered == {
        ("GET", "/v1/users/<id:user_id>/recommendations"),  # popular products, to every unknown id
        ("POST", "/v1/users/<id:user_id>/interests"),  # an event may come before all others of its user
        ("DELETE", "/v1/users/<id:user_id>"),  # what is still on its way is forgotten on arrival
        ("PUT", "/v1/users/<id:user_id>/consent"),  # likewise
        ("POST", "/v1/users/<id:user_id>/tokens"),  # who is new gets popular products too
        ("PUT", "/v1/suppressions/<id:user_id>"),  # a list of the shop's own
        ("DELETE", "/v1/suppressions/<id:user_id>"),
    }


def test_no_list_holds_what_another_shop_owns(served, owned):
    stranger, paths = served.key("third"), [rule.rule for rule in served.app.url_map.iter_rules() if not rule.arguments]
    for path in (path for path in paths if path.startswith("/v1/")):
        assert CANARY not in served.client.get(path, headers=stranger).text, path
    asked = f"/v1/graph/neighbourhood?kind=product&id={CANARY}"
    assert 404 == served.client.get(asked, headers=stranger).status_code
    assert 404 == served.client.get(f"/v1/trends?user_id={CANARY}", headers=stranger).status_code


def test_the_owner_still_has_all_of_it(served, owned):
    email, board, decision, key = owned["id"]
    paths = [f"/v1/emails/{email}", f"/v1/boards/{board}", f"/v1/decisions/{decision}", f"/v1/users/{CANARY}"]
    assert {200} == {served.get(path).status_code for path in paths}
    listed = {each["id"]: each for each in served.get("/v1/keys").json["items"]}
    assert listed[key]["revoked_at"] is None
    assert json.loads(served.get(f"/v1/users/{CANARY}/export").data)["suppression"]["reason"] == "shop"


def test_the_same_idempotency_key_in_two_shops_never_meets(served, owned):
    headers = {**served.key("other"), "Idempotency-Key": "canary"}
    made = served.client.post("/v1/emails", json={"user_id": CANARY}, headers=headers)
    assert owned["id"][0] not in made.text
