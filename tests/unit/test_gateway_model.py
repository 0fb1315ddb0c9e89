"""The gateway's pure decisions: jobs, scopes, consent, tokens."""

import pytest

from services.gateway import model
from services.gateway.paging import place_of, token_after
from shared.errors import InvalidInputError
from shared.history.port import Document

NOW = 1_000_000


def job(**body):
    return Document("jobs", "demo", "j1", {"kind": "emails", "status": "pending", "digest": "d", **body}, 1, NOW)


def test_a_job_is_pending_until_its_time_is_over_and_expired_then():
    one = job(expires_at=NOW)
    assert "pending" == model.job(one, NOW)["status"]
    late = model.job(one, NOW + 1)
    assert ("expired", "/problems/expired") == (late["status"], late["problem"]["type"])


def test_a_job_that_was_answered_never_expires():
    assert "done" == model.job(job(status="done", expires_at=NOW), NOW + 1)["status"]


def test_an_erasure_is_done_however_late_and_else_ends_as_expired():
    asked = job(kind="erasures", erases="ann", expires_at=NOW)
    told = [model.erasure(asked, at, erased=erased) for at, erased in ((NOW, False), (NOW + 1, False), (NOW + 1, True))]
    assert ["pending", "expired", "done"] == [each["status"] for each in told]
    assert ["/problems/expired"] == [each["problem"]["type"] for each in told if "problem" in each]
    assert not any("erases" in each for each in told)


def test_an_erasure_asked_for_before_erasures_expired_ends_a_day_after_it_was_written():
    asked = job(kind="erasures", erases="ann")
    times = (NOW + model.ERASURE_EXPIRES_MS, NOW + model.ERASURE_EXPIRES_MS + 1)
    assert ["pending", "expired"] == [model.erasure(asked, at, erased=False)["status"] for at in times]


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"kind": "boards"}, "/v1/boards/j1"),
        ({"kind": "emails"}, "/v1/emails/j1"),
        ({"kind": "emails", "preview": True}, None),
        ({"kind": "templates"}, None),
    ],
)
def test_a_job_that_is_done_says_where_its_result_is_if_it_has_a_place(body, location):
    assert location == model.job(job(status="done", **body), NOW).get("location")


def test_a_job_that_failed_tells_its_problem_with_every_place():
    told = {"code": "invalid-input", "detail": "no", "violations": [{"pointer": "/layout", "detail": "unknown"}]}
    found = model.job(job(status="failed", problem=told), NOW)["problem"]
    assert ("/problems/invalid-input", "/layout") == (found["type"], found["errors"][0]["pointer"])


def test_a_job_never_shows_what_it_is_compared_by():
    assert "digest" not in model.job(job(), NOW)


def test_the_scope_of_a_job_is_that_of_what_it_makes():
    kinds = {"emails": "emails:read", "boards": "boards:read", "erasures": "profiles:erase", "unheard-of": "admin"}
    assert kinds == {kind: model.scope_of_job(kind) for kind in kinds}


@pytest.mark.parametrize(
    ("reason", "consents", "lifted"),
    [
        ("shop", [], True),
        ("unsubscribed", [], False),
        ("unsubscribed", [(NOW - 1, True)], False),
        ("unsubscribed", [(NOW, True)], False),
        ("unsubscribed", [(NOW + 1, True)], True),
        ("unsubscribed", [(NOW + 1, True), (NOW + 2, False)], False),
        ("bounced", [(NOW + 1, False)], False),
    ],
)
def test_a_persons_own_word_is_lifted_by_their_latest_consent_alone(reason, consents, lifted):
    assert lifted is model.lifts({"reason": reason, "at": NOW}, consents)


def test_a_token_leads_back_to_its_place_and_to_no_other_list():
    token = token_after("users", "Zoë/1")
    assert "Zoë/1" == place_of("users", token, "")
    assert "" == place_of("users", "", "")
    for question, given, default in (
        ("keys", token, ""),
        ("users", token, 0),
        ("users", "?", ""),
        ("users", "AAAA", ""),
    ):
        with pytest.raises(InvalidInputError):
            place_of(question, given, default)
