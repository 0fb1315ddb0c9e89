"""Emails and boards over HTTP: made in time or by a job, once per key."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image

from services.gateway.asking import EXPIRES
from shared.clock import FixedClock
from shared.contracts.codec import Envelope, encode
from shared.contracts.requests import BoardRequested, Replied, ReplyStatus


def test_an_email_is_made_in_time_and_shown_with_its_bodies_and_headers(served):
    made = served.post("/v1/emails", {"user_id": "ann"})
    assert 201 == made.status_code, made.json
    where = made.headers["Location"]
    assert made.json["subject"] == served.get(where).json["subject"]
    html = served.get(f"{where}/html")
    assert ("text/html", True) == (html.mimetype, "sandbox" in html.headers["Content-Security-Policy"])
    assert "text/plain" == served.get(f"{where}/text").mimetype
    assert made.json["subject"] == served.get(f"{where}/headers").json["Subject"]
    assert 200 == served.get(f"/v1/decisions/{made.json['decision_id']}").status_code


def test_a_request_repeated_under_its_key_is_answered_again_and_not_done_again(served):
    first, again = (served.post("/v1/emails", {"user_id": "ann"}, **{"Idempotency-Key": '"k1"'}) for _ in range(2))
    assert (201, 201) == (first.status_code, again.status_code)
    assert (first.data, first.headers["Location"]) == (again.data, again.headers["Location"])


def test_a_key_that_named_another_request_is_refused(served):
    served.post("/v1/emails", {"user_id": "ann"}, **{"Idempotency-Key": "k2"})
    other = served.post("/v1/emails", {"user_id": "bob"}, **{"Idempotency-Key": "k2"})
    assert (422, "/problems/idempotency-key-reused") == (other.status_code, other.json["type"])


def test_a_refusal_is_answered_again_too(served):
    key = {"Idempotency-Key": "k3"}
    first, again = (served.post("/v1/boards", {"user_id": "ann", "layout": "poster"}, **key) for _ in range(2))
    assert 422 == first.status_code
    assert first.data == again.data, "the trace id too: it is the first answer"


def test_a_key_counts_for_one_credential_and_one_route_only(served):
    headers = {"Idempotency-Key": "k4"}
    first = served.post("/v1/emails", {"user_id": "ann"}, **headers)
    other = served.client.post("/v1/emails", json={"user_id": "bob"}, headers={**served.key(), **headers})
    board = served.post("/v1/boards", {"user_id": "bob"}, **headers)
    assert [201, 201, 201] == [each.status_code for each in (first, other, board)]
    assert "bob" == other.json["user_id"]


@pytest.mark.parametrize("key", ["", "x" * 201, "é"])
def test_a_key_that_is_none_is_refused(served, key):
    assert 422 == served.post("/v1/emails", {"user_id": "ann"}, **{"Idempotency-Key": key}).status_code


def test_a_board_is_made_and_its_picture_shown_in_both_sizes(served):
    made = served.post("/v1/boards", {"user_id": "ann"})
    assert 201 == made.status_code, made.json
    where = made.headers["Location"]
    assert made.json["board"] == served.get(f"{where}/json").json
    for form in ("png", "webp"):
        small = served.get(f"{where}/picture?format={form}")
        assert (200, f"image/{form}") == (small.status_code, small.mimetype)
        large = f"{where}/picture?format={form}&scale=2"
        served.eventually(lambda large=large: served.get(large).status_code == 200)
        assert Image.open(BytesIO(served.get(large).data)).width == 2 * Image.open(BytesIO(small.data)).width


def test_a_picture_of_a_size_that_does_not_exist_is_refused(served):
    where = served.post("/v1/boards", {"user_id": "ann"}).headers["Location"]
    assert 422 == served.get(f"{where}/picture?scale=3").status_code


def test_a_reply_that_comes_late_is_found_in_its_job(unanswered):
    asked = unanswered.post("/v1/boards", {"user_id": "ann"})
    assert 202 == asked.status_code
    job = asked.headers["Location"]
    assert "pending" == unanswered.get(job).json["status"]
    unanswered.begin_making()
    unanswered.eventually(lambda: unanswered.get(job).json["status"] == "done")
    assert 200 == unanswered.get(unanswered.get(job).json["location"]).status_code


def test_a_request_that_nobody_answers_ends_as_expired(unanswered, monkeypatch):
    job = unanswered.post("/v1/boards", {"user_id": "ann"}).headers["Location"]
    later = FixedClock(unanswered.engines.clock.now() + EXPIRES + timedelta(seconds=1))
    monkeypatch.setattr(unanswered.engines.clock, "now", later.now, raising=False)
    found = unanswered.get(job).json
    assert ("expired", "/problems/expired") == (found["status"], found["problem"]["type"])


def test_a_job_is_shown_to_those_who_may_read_what_it_makes(unanswered):
    job = unanswered.post("/v1/emails", {"user_id": "ann", "preview": True}).headers["Location"]
    told = {
        scope: unanswered.client.get(job, headers=unanswered.key("demo", scope)).status_code
        for scope in ("profiles:read", "boards:read", "emails:read")
    }
    assert {"profiles:read": 403, "boards:read": 403, "emails:read": 200} == told


def test_a_reply_of_another_shop_reaches_nobody(served):
    asker, history = served.gateway.ports.asker, served.engines.history
    asker._open_job("demo", BoardRequested(request_id="theirs", user_id="ann"))
    reply = Replied(request_id="theirs", status=ReplyStatus.DONE)
    envelope = Envelope("other", "r1", "ann", "2026-05-03T10:00:00Z", reply)
    asker.on_reply(envelope)
    assert "pending" == history.get("jobs", "demo", "theirs").body["status"]
    assert history.get("jobs", "other", "theirs") is None
    served.engines.bus.publish([encode(replace(envelope, shop="demo"))])
    served.eventually(lambda: history.get("jobs", "demo", "theirs").body["status"] == "done")


@pytest.mark.parametrize(
    "name",
    ["unheard-of", "unheard-of@3", "personalised@7", "<script>alert(1)</script>", "Großartig", "../../etc", ".."],
)
def test_an_email_with_a_template_that_does_not_exist_is_refused_by_pointing_at_it(served, name):
    refused = served.post("/v1/emails", {"user_id": "ann", "template": name})
    assert (422, "application/problem+json") == (refused.status_code, refused.mimetype)
    assert ("/problems/invalid-input", "/template") == (refused.json["type"], refused.json["errors"][0]["pointer"])
    assert not set("<>/") & set(refused.json["detail"] + refused.json["errors"][0]["detail"]), "echoed"


def test_a_board_with_a_layout_that_does_not_exist_is_refused_by_pointing_at_it(served):
    refused = served.post("/v1/boards", {"user_id": "ann", "layout": "poster"})
    assert (422, "/layout") == (refused.status_code, refused.json["errors"][0]["pointer"])


def test_a_body_that_is_not_json_is_refused(served):
    answer = served.client.post("/v1/emails", data="user_id=ann", headers=served.admin)
    assert (415, "application/problem+json") == (answer.status_code, answer.mimetype)


def test_a_body_over_the_usual_bound_is_refused(served):
    large = '{"user_id": "' + "a" * (1 << 20) + '"}'
    answer = served.client.post("/v1/emails", data=large, content_type="application/json", headers=served.admin)
    assert 413 == answer.status_code
