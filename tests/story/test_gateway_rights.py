"""Consent, erasure, export and keys over HTTP."""

import json

import pytest

from shared.auth import create_key
from shared.unsubscribe import sign


def unsubscribe(served, user):
    link = f"/v1/unsubscribe/{sign('demo', user, served.signing)}"
    assert b"<form" in served.client.get(link).data
    assert served.engines.history.get("suppressions", "demo", user) is None
    assert 200 == served.client.post(link, data={"List-Unsubscribe": "One-Click"}).status_code


def consent(served, user, *, marketing):
    now = served.engines.clock.now().isoformat()
    event = {"event_id": f"c-{user}-{marketing}", "user_id": user, "updated_at": now}
    assert 202 == served.post("/v1/users", {**event, "consent": {"marketing": marketing}}).status_code
    served.eventually(lambda: served.get(f"/v1/users/{user}").json["consent"] is marketing)


def test_who_unsubscribes_gets_no_email_until_they_consent_anew(served):
    unsubscribe(served, "bob")
    skipped = served.post("/v1/emails", {"user_id": "bob"})
    assert (200, "skipped", "suppressed") == (skipped.status_code, skipped.json["status"], skipped.json["reason"])
    refused = served.delete("/v1/suppressions/bob")
    assert (409, "/problems/opted-out") == (refused.status_code, refused.json["type"])
    consent(served, "bob", marketing=True)
    assert 204 == served.delete("/v1/suppressions/bob").status_code
    assert 201 == served.post("/v1/emails", {"user_id": "bob"}).status_code
    assert 404 == served.client.get("/v1/unsubscribe/forged").status_code


def test_a_shops_own_word_does_not_replace_the_persons(served):
    unsubscribe(served, "ann")
    assert 204 == served.client.put("/v1/suppressions/ann", headers=served.admin).status_code
    assert "unsubscribed" == served.get("/v1/suppressions/ann").json["reason"]
    assert 409 == served.delete("/v1/suppressions/ann").status_code


def test_what_the_shop_stopped_the_shop_allows_again(served):
    assert 204 == served.client.put("/v1/suppressions/cid", headers=served.admin).status_code
    assert "cid" in [each["user_id"] for each in served.get("/v1/suppressions").json["items"]]
    assert 204 == served.delete("/v1/suppressions/cid").status_code
    assert 404 == served.get("/v1/suppressions/cid").status_code


def test_an_export_holds_all_that_is_known_of_a_user(served):
    served.buy("dora", "milk")
    contact = {"email": "dora@shop.example", "first_name": "Dora"}
    now = served.engines.clock.now().isoformat()
    served.post("/v1/users", {"event_id": "u-dora", "user_id": "dora", "updated_at": now, "contact": contact})
    served.eventually(lambda: json.loads(served.get("/v1/users/dora/export").data)["contact"] is not None)
    email = served.post("/v1/emails", {"user_id": "dora"}).json["email_id"]
    answer = served.get("/v1/users/dora/export")
    assert ("application/json", "no-store") == (answer.mimetype, answer.headers["Cache-Control"])
    told = json.loads(answer.data)
    assert contact == told["contact"]
    assert {"purchase", "user"} == {each["kind"] for each in told["events"]}
    assert [email] == [each["email_id"] for each in told["emails"]]
    assert 404 == served.get("/v1/users/nobody/export").status_code


def test_an_export_needs_a_scope_of_its_own(served):
    assert 403 == served.client.get("/v1/users/ann/export", headers=served.key("demo", "profiles:read")).status_code


def test_a_key_is_made_shown_once_used_and_ended(served):
    made = served.post("/v1/keys", {"scopes": ["profiles:read"], "name": "front"})
    assert (201, "no-store") == (made.status_code, made.headers["Cache-Control"])
    text, id = made.json["key"], made.json["id"]
    assert text not in served.get("/v1/keys").text
    assert id in [each["id"] for each in served.get("/v1/keys").json["items"]]
    own = {"Authorization": f"Bearer {text}"}
    assert 200 == served.client.get("/v1/users/ann", headers=own).status_code
    assert 403 == served.client.get("/v1/keys", headers=own).status_code
    assert 404 == served.client.delete(f"/v1/keys/{id}", headers=served.key("other")).status_code
    assert 204 == served.delete(f"/v1/keys/{id}").status_code
    assert next(each for each in served.get("/v1/keys").json["items"] if each["id"] == id)["revoked_at"]


@pytest.mark.parametrize(
    "body", [{"scopes": []}, {"scopes": ["everything"]}, {"scopes": ["admin"], "expires_at": "2020-01-01T00:00:00Z"}]
)
def test_a_key_that_could_open_nothing_is_not_made(served, body):
    assert 422 == served.post("/v1/keys", body).status_code


def test_a_key_without_the_scope_is_refused(served):
    assert 403 == served.client.get("/v1/users/ann", headers=served.key("demo", "emails:read")).status_code
    assert 401 == served.client.get("/v1/users/ann").status_code


def test_a_live_key_opens_nothing_in_a_test_environment(served):
    text, _ = create_key(served.engines.history, "demo", ["admin"], "live", served.engines.clock)
    assert 401 == served.client.get("/v1/users/ann", headers={"Authorization": f"Bearer {text}"}).status_code


def test_the_documentation_asks_no_outside_host_for_anything(served):
    page = served.client.get("/docs").text
    assert "://" not in page
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        assert f"/docs/{asset}" in page
        assert 200 == served.client.get(f"/docs/{asset}").status_code
    assert "://" not in served.client.get("/docs/start.js").text
    assert 404 == served.client.get("/docs/other.js").status_code
